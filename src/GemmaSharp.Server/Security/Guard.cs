using GemmaSharp.Server.Http;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Security;

/// <summary>Who may ask: looked at before anything else of a request. Thread-safe.</summary>
/// <remarks>That a server is bound to this machine alone keeps nobody out whose page is open in this machine's browser.</remarks>
sealed class Guard
{
    readonly HostCheck _hosts;
    readonly OriginCheck _origins;
    readonly ApiKeys _keys;

    public Guard(GemmaServerOptions options)
    {
        _keys = new ApiKeys(options.ApiKeys);
        _hosts = new HostCheck(options.AllowedHosts, _keys.AreNeeded);
        _origins = new OriginCheck(options.AllowedOrigins);
    }

    /// <summary>Lets a request in, or says no.</summary>
    /// <param name="context">The request; the caller becomes one of its features.</param>
    /// <param name="isOpen">Whether it needs no key.</param>
    /// <exception cref="ApiException">It may not come in.</exception>
    public void Admit(HttpContext context, bool isOpen)
    {
        HttpRequest request = context.Request;
        RequireClearEnd(context);
        if (!_hosts.Passes(context))
        {
            throw Forbidden(
                "host_not_allowed",
                $"The request is for the host {Strangers.Shown(request.Host.Value)}, which is no name of this machine; "
                + "use localhost or an IP address, or start the server with --allowed-host.");
        }

        string? origin = Cors.Origin(request);
        if (origin is not null)
        {
            if (!_origins.Passes(request, origin))
            {
                throw Forbidden(
                    "origin_not_allowed",
                    $"Pages of the origin {Strangers.Shown(origin)} may not use this server; start it with --allowed-origin to let them.");
            }

            context.Features.Set(new AllowedOrigin(origin));
            Cors.Allow(context);
        }

        string? key = _keys.AreNeeded ? _keys.Find(request) : null;
        if (_keys.AreNeeded && key is null && !isOpen)
        {
            throw new ApiException(
                StatusCodes.Status401Unauthorized, ApiException.InvalidRequest,
                "The request has no key that this server knows; send one as Authorization: Bearer KEY or as x-api-key.", null, "invalid_api_key");
        }

        // None of these can be sent by a foreign page without the browser asking first. Names and passwords of an address (Basic) the browser adds by itself.
        bool isNoForeignPage = key is not null || request.Headers.ContainsKey("x-api-key")
            || request.Headers.Authorization.ToString().StartsWith("Bearer", StringComparison.OrdinalIgnoreCase)
            || (origin is not null && OriginCheck.IsOwn(request, origin)) || request.Headers["Sec-Fetch-Site"] == "same-origin";
        context.Features.Set(new Caller(key, isNoForeignPage));
    }

    /// <summary>Refuses bodies in another coding than plain chunks: they would not be decoded, and a proxy may see another end of them.</summary>
    static void RequireClearEnd(HttpContext context)
    {
        string coding = context.Request.Headers.TransferEncoding.ToString();
        if (coding.Length > 0 && !coding.Equals("chunked", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.OnStarting(() =>
            {
                context.Response.Headers.Connection = "close";
                return Task.CompletedTask;
            });
            throw new ApiException(
                StatusCodes.Status501NotImplemented, ApiException.InvalidRequest,
                $"The body is transferred as {Strangers.Shown(coding)}; send it as it is, or in chunks.", null, "unsupported_transfer_encoding");
        }
    }

    static ApiException Forbidden(string code, string message) => new(StatusCodes.Status403Forbidden, ApiException.InvalidRequest, message, null, code);
}

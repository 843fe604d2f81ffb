using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Reflection;
using System.Security.Authentication;

namespace GemmaSharp.Hub.Protocol;

/// <summary>Requests to the hub and to where it sends us: redirections by hand, the token to the hub alone, failures that pass told from those that
/// stay.</summary>
/// <remarks>Thread-safe.</remarks>
sealed class HubConnection : IDisposable
{
    const int MostRedirections = 10;

    static readonly string s_version = typeof(HubConnection).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
        .Split('+')[0] ?? "0";

    readonly HttpClient _http;
    readonly TimeSpan _stall;
    readonly string _agent;

    public HubConnection(HubOptions options, Uri endpoint, HubToken? token)
    {
        (Endpoint, Token, Machine, Retries, _stall) = (endpoint, token, options.Machine, options.Retries,
            options.StallTimeout ?? HubEnvironment.Seconds(options.Machine.Variable, "HF_HUB_DOWNLOAD_TIMEOUT", 30));
        string origin = options.Machine.Variable("HF_HUB_USER_AGENT_ORIGIN") is { Length: > 0 } named && !named.AsSpan().ContainsAnyExceptInRange(' ', '~')
            ? "; origin/" + named : "";
        _agent = $"gemma/{s_version}; dotnet/{Environment.Version}{origin}";
        _http = new HttpClient(new SocketsHttpHandler
        {
            // Followed by hand: a token must not go to another host, and signed addresses expire.
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            Proxy = options.Proxy,
            ConnectTimeout = options.ConnectTimeout ?? HubEnvironment.Seconds(options.Machine.Variable, "HF_HUB_ETAG_TIMEOUT", 10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>The hub's address, ending with a slash.</summary>
    public Uri Endpoint { get; }

    /// <summary>As whom; null for nobody.</summary>
    public HubToken? Token { get; }

    /// <summary>What the program stands on.</summary>
    public HubMachine Machine { get; }

    /// <summary>Attempts after the first.</summary>
    public int Retries { get; }

    /// <summary>What the hub is called in sentences.</summary>
    public string Name => Endpoint.AbsoluteUri.TrimEnd('/');

    /// <summary>The page of a repository, for people.</summary>
    public string Page(string id) => $"{Name}/{id}";

    /// <summary>An address below the hub's.</summary>
    public Uri Address(string path) => new(Endpoint, path);

    /// <summary>Whether an address is the hub's own: scheme, host and port.</summary>
    public bool IsOwn(Uri address) => address.Scheme == Endpoint.Scheme && address.Authority.Equals(Endpoint.Authority, StringComparison.OrdinalIgnoreCase);

    /// <summary>Asks for an address and follows where it leads.</summary>
    /// <param name="address">Where to begin.</param>
    /// <param name="range">The part of a file; null for all.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <returns>The answer, whatever its status but one that passes, and the address it came from.</returns>
    /// <exception cref="TransientException">The answer did not come, or its status is one that passes.</exception>
    /// <exception cref="HubException">It leads in circles, or to where no file can be.</exception>
    public async Task<(HttpResponseMessage Response, Uri Address)> GetAsync(Uri address, RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        for (int i = 0; i <= MostRedirections; i++)
        {
            HttpResponseMessage response = await SendAsync(address, range, cancellationToken).ConfigureAwait(false);
            int status = (int)response.StatusCode;
            if (status is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is Uri location)
            {
                response.Dispose();
                address = Follow(address, location);
                continue;
            }

            if (status is 408 or 429 || status >= 500)
            {
                TimeSpan? wait = status == 429 || (status == 503 && response.Headers.RetryAfter is not null)
                    ? RateLimit.Wait(response.Headers, DateTimeOffset.UtcNow) : null;
                response.Dispose();
                throw new TransientException(status == 429 ? "too many requests (HTTP 429)" : FormattableString.Invariant($"HTTP {status}"), wait);
            }

            return (response, address);
        }

        throw new HubException(HubFailure.NotAHub, $"{Name} redirects more than {MostRedirections} times; check HF_ENDPOINT, or whether a proxy wants "
            + $"a login.");
    }

    /// <summary>Reads from an answer's body; a silence that is too long is a failure that passes.</summary>
    public async Task<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stall.CancelAfter(_stall);
        try
        {
            return await body.ReadAsync(buffer, stall.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Silence(e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or InvalidDataException)
        {
            throw new TransientException($"the connection broke off ({Innermost(e)})", innerException: e);
        }
    }

    /// <summary>For the end of a sentence about the network: proxies that are in effect, certificates.</summary>
    public string ProxyHint(Exception failure)
    {
        for (Exception? e = failure; e is not null; e = e.InnerException)
        {
            if (e is AuthenticationException)
            {
                return ", where a certificate is not trusted (SSL_CERT_FILE or SSL_CERT_DIR name one that is)";
            }
        }

        string[] proxies = [.. HubEnvironment.Proxies(Machine.Variable)];
        return proxies.Length == 0 ? "" : $", by the proxy of {string.Join(" and ", proxies)}";
    }

    public void Dispose() => _http.Dispose();

    async Task<HttpResponseMessage> SendAsync(Uri address, RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.TryAddWithoutValidation("User-Agent", _agent);

        // What is compressed on the way has no ranges.
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        request.Headers.Range = range;
        if (Token is not null && IsOwn(address))
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token.Text);
        }

        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stall.CancelAfter(_stall);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Silence(e);
        }
        catch (HttpRequestException e)
        {
            throw new TransientException(e.InnerException is SocketException ? $"no connection ({Innermost(e)})" : Innermost(e), innerException: e);
        }
        catch (IOException e)
        {
            throw new TransientException($"the connection broke off ({Innermost(e)})", innerException: e);
        }
    }

    TransientException Silence(Exception e) => new(FormattableString.Invariant($"not a byte in {_stall.TotalSeconds:0.#} s"), innerException: e);

    static Uri Follow(Uri from, Uri location)
    {
        Uri to = location.IsAbsoluteUri ? location : new Uri(from, location);
        return to.Scheme == Uri.UriSchemeHttps || (to.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp)
            ? to
            : throw new HubException(HubFailure.NotAHub, $"{from.Authority} redirects from {from.Scheme} to {to.Scheme}, which is less safe; check "
                + $"HF_ENDPOINT.");
    }

    static string Innermost(Exception e)
    {
        while (e.InnerException is not null)
        {
            e = e.InnerException;
        }

        return e.Message.TrimEnd('.');
    }
}

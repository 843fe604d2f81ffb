using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Security;

/// <summary>Who asks, as far as is known.</summary>
/// <param name="Tenant">Whose prefixes it shares; null where there are no keys.</param>
/// <param name="IsNoForeignPage">Whether it has shown that it is no page of somebody else's in a browser.</param>
sealed record Caller(string? Tenant, bool IsNoForeignPage)
{
    /// <summary>The one who sent a request that has passed the <see cref="Guard"/>.</summary>
    public static Caller Of(HttpContext context) =>
        context.Features.Get<Caller>() ?? throw new InvalidOperationException("The request has not passed the guard.");
}

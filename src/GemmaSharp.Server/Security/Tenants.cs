using System.Globalization;
using GemmaSharp.Server.Http;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Security;

/// <summary>Whose prefixes a request may share: how long a prompt takes tells whether it was seen before.</summary>
static class Tenants
{
    static long s_alone;

    /// <summary>The tenant of a request: its key's, and within that its salt's.</summary>
    /// <param name="context">The request.</param>
    /// <param name="body">Its fields.</param>
    public static string? Of(HttpContext context, Fields body)
    {
        string? tenant = Caller.Of(context).Tenant;
        string? salt = body.Name("cache_salt");

        // What wants no cache shares with nobody, not even with its own kind; nor can a salt be spelled so that it comes to the same.
        return body.Flag("cache_prompt") == false
            ? string.Create(CultureInfo.InvariantCulture, $"{tenant}\nalone {Interlocked.Increment(ref s_alone)}")
            : salt is null ? tenant : $"{tenant}\nsalt {salt}";
    }
}

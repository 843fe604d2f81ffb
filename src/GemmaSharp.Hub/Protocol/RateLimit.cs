using System.Globalization;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace GemmaSharp.Hub.Protocol;

/// <summary>When a server that has had enough of requests wants the next one.</summary>
static partial class RateLimit
{
    static readonly TimeSpan s_unknown = TimeSpan.FromSeconds(30);
    static readonly TimeSpan s_longest = TimeSpan.FromMinutes(10);

    /// <summary>How long to wait: by <c>RateLimit: "api";r=0;t=55</c>, else by <c>Retry-After</c>, else half a minute.</summary>
    public static TimeSpan Wait(HttpResponseHeaders headers, DateTimeOffset now)
    {
        // A second more: the server's clock counts whole ones.
        TimeSpan wait = headers.TryGetValues("RateLimit", out IEnumerable<string>? values)
                && Remaining().Match(string.Join(',', values)) is { Success: true } match
                && int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            ? TimeSpan.FromSeconds(seconds + 1.0)
            : headers.RetryAfter switch
            {
                { Delta: TimeSpan delta } => delta + TimeSpan.FromSeconds(1),
                { Date: DateTimeOffset date } => date - now + TimeSpan.FromSeconds(1),
                _ => s_unknown,
            };
        return wait < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : wait > s_longest ? s_longest : wait;
    }

    [GeneratedRegex(@";\s*t=([0-9]{1,6})", RegexOptions.CultureInvariant)]
    private static partial Regex Remaining();
}

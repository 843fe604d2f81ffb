using System.Globalization;
using System.Text.RegularExpressions;
using GemmaSharp.Files;

namespace GemmaSharp.Hub;

/// <summary>The hub's environment variables, by the hub's own rules. Source: huggingface_hub, constants.</summary>
static partial class HubEnvironment
{
    const int LongestToken = 4096;

    /// <summary>The cache's folder.</summary>
    /// <param name="variable">The value of an environment variable; null when it is not set.</param>
    public static string Cache(Func<string, string?> variable)
    {
        // The second is the first's old name, which the hub's tools still read.
        string? named = Given(variable, "HF_HUB_CACHE") ?? Given(variable, "HUGGINGFACE_HUB_CACHE");
        return named is null ? Path.Combine(Home(variable), "hub") : Expand(named, variable);
    }

    /// <summary>The folder of the hub's tools.</summary>
    public static string Home(Func<string, string?> variable)
    {
        if (Given(variable, "HF_HOME") is string home)
        {
            return Expand(home, variable);
        }

        string caches = Given(variable, "XDG_CACHE_HOME") is string xdg ? Expand(xdg, variable) : Path.Combine(UserFolder(variable), ".cache");
        return Path.Combine(caches, "huggingface");
    }

    /// <summary>Whether no request may be sent, and the variable that says so.</summary>
    public static string? Offline(Func<string, string?> variable) =>
        IsTrue(variable, "HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : IsTrue(variable, "TRANSFORMERS_OFFLINE") ? "TRANSFORMERS_OFFLINE" : null;

    /// <summary>Whether snapshots must not have links.</summary>
    public static bool WithoutSymlinks(Func<string, string?> variable) => IsTrue(variable, "HF_HUB_DISABLE_SYMLINKS");

    /// <summary>Whether bars are not wanted.</summary>
    public static bool WithoutBars(Func<string, string?> variable) => IsTrue(variable, "HF_HUB_DISABLE_PROGRESS_BARS");

    /// <summary>A number of seconds; the usual one where none is set, or none that is a time.</summary>
    public static TimeSpan Seconds(Func<string, string?> variable, string name, double usual) => TimeSpan.FromSeconds(
        double.TryParse(variable(name), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double given) && given is > 0 and <= 86_400 ? given
            : usual);

    /// <summary>The hub's address, with an ending slash.</summary>
    /// <param name="given">What the program says; null for the environment.</param>
    /// <param name="builtIn">What the library was built with; null for none.</param>
    /// <param name="variable">The value of an environment variable.</param>
    /// <exception cref="HubException">There is none, or it is no address.</exception>
    public static Uri Endpoint(Uri? given, string? builtIn, Func<string, string?> variable)
    {
        string source = given is null ? "HF_ENDPOINT" : "The endpoint";
        string? text = given?.OriginalString ?? Given(variable, "HF_ENDPOINT")?.Trim() ?? builtIn;
        if (text is null)
        {
            throw new HubException(HubFailure.BadSetting,
                "HF_ENDPOINT is not set and this build of the program knows no hub; set HF_ENDPOINT to the address of the hub or of a mirror of it.");
        }

        return Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            && address!.Query.Length == 0 && address.Fragment.Length == 0 && address.UserInfo.Length == 0
            ? address
            : throw new HubException(HubFailure.BadSetting, $"{source} is \"{text}\"; an address that begins with https:// or http:// is needed, "
                + $"without a name, a password or a query in it.");
    }

    /// <summary>The access token; null for none.</summary>
    /// <exception cref="HubException">There is one and it cannot be one.</exception>
    public static HubToken? Token(string? given, Func<string, string?> variable)
    {
        if (given is not null)
        {
            return HubToken.Create(given, "the token that was given");
        }

        if (IsTrue(variable, "HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        {
            return null;
        }

        foreach (string name in (string[])["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
        {
            if (Given(variable, name)?.Trim() is { Length: > 0 } token)
            {
                return HubToken.Create(token, $"the variable {name}");
            }
        }

        string path = Given(variable, "HF_TOKEN_PATH") is string named ? Expand(named, variable) : Path.Combine(Home(variable), "token");
        try
        {
            if (BoundedFile.Length(path) is null or 0)
            {
                return null;
            }

            string text = BoundedFile.ReadRegular(path, LongestToken) is byte[] bytes ? System.Text.Encoding.UTF8.GetString(bytes).Trim() : " ";
            return text.Length == 0 ? null : HubToken.Create(text, $"the file {path}");
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new HubException(HubFailure.BadSetting, $"The file of the access token {path} cannot be read ({e.Message.TrimEnd('.')}); make it "
                + $"readable, or set HF_TOKEN.", e);
        }
    }

    /// <summary>The variables that name a proxy and are set, without passwords.</summary>
    public static IEnumerable<string> Proxies(Func<string, string?> variable) =>
        ((string[])["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]).Where(name => Given(variable, name) is not null);

    static string? Given(Func<string, string?> variable, string name) => variable(name) is { Length: > 0 } value ? value : null;

    static bool IsTrue(Func<string, string?> variable, string name) => variable(name)?.Trim().ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";

    /// <summary>The user's own folder.</summary>
    public static string UserFolder(Func<string, string?> variable) =>
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } user ? user : Given(variable, "HOME") ?? Path.GetTempPath();

    static string Expand(string path, Func<string, string?> variable)
    {
        if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal) || path.StartsWith("~\\", StringComparison.Ordinal))
        {
            path = UserFolder(variable) + path[1..];
        }

        // A variable that is not set stays as it is written, as in Python.
        return VariableName().Replace(path, match => Given(variable, match.Groups[1].Success ? match.Groups[1].Value : match.Groups[2].Value) ?? match.Value);
    }

    [GeneratedRegex(@"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})", RegexOptions.CultureInvariant)]
    private static partial Regex VariableName();
}

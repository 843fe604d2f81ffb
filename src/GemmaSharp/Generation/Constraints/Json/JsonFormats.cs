namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>The formats of strings that are kept, as patterns of the whole text. Where a standard leaves a choice, the narrower one is taken.</summary>
static class JsonFormats
{
    const string Date = @"(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
        + @"|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";

    const string Time = @"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)";
    const string Label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    const string Host = Label + @"(?:\." + Label + ")*";
    const string Octet = @"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)";
    const string Ipv4 = Octet + @"(?:\." + Octet + "){3}";
    const string H16 = "[0-9A-Fa-f]{1,4}";
    const string Ls32 = "(?:" + H16 + ":" + H16 + "|" + Ipv4 + ")";

    const string Ipv6 = "(?:(?:" + H16 + ":){6}" + Ls32
        + "|::(?:" + H16 + ":){5}" + Ls32
        + "|(?:" + H16 + ")?::(?:" + H16 + ":){4}" + Ls32
        + "|(?:(?:" + H16 + ":){0,1}" + H16 + ")?::(?:" + H16 + ":){3}" + Ls32
        + "|(?:(?:" + H16 + ":){0,2}" + H16 + ")?::(?:" + H16 + ":){2}" + Ls32
        + "|(?:(?:" + H16 + ":){0,3}" + H16 + ")?::" + H16 + ":" + Ls32
        + "|(?:(?:" + H16 + ":){0,4}" + H16 + ")?::" + Ls32
        + "|(?:(?:" + H16 + ":){0,5}" + H16 + ")?::" + H16
        + "|(?:(?:" + H16 + ":){0,6}" + H16 + ")?::)";

    const string Percent = "%[0-9A-Fa-f]{2}";
    const string Unreserved = @"A-Za-z0-9._~\-";
    const string SubDelims = "!$&'()*+,;=";
    const string PChar = "(?:[" + Unreserved + SubDelims + ":@]|" + Percent + ")";
    const string Authority = "(?:(?:[" + Unreserved + SubDelims + ":]|" + Percent + ")*@)?(?:\\[" + Ipv6 + "\\]|(?:[" + Unreserved + SubDelims + "]|" + Percent + ")*)(?::\\d*)?";
    const string Rest = "(?:\\?(?:" + PChar + "|[/?])*)?(?:#(?:" + PChar + "|[/?])*)?";
    const string Uri = "[A-Za-z][A-Za-z0-9+.-]*:(?://" + Authority + "(?:/" + PChar + "*)*|/(?:" + PChar + "+(?:/" + PChar + "*)*)?|" + PChar + "+(?:/" + PChar + "*)*|)" + Rest;

    const string Relative = "(?://" + Authority + "(?:/" + PChar + "*)*|/(?:" + PChar + "+(?:/" + PChar + "*)*)?|(?:[" + Unreserved + SubDelims + "@]|" + Percent
        + ")+(?:/" + PChar + "*)*|)" + Rest;

    const string Atom = @"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+";

    const string Duration = @"P(?:\d+W|(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?"
        + @"|T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))";

    static readonly Dictionary<string, string> s_patterns = new()
    {
        ["date"] = Date,
        ["time"] = Time,
        ["date-time"] = Date + "[Tt]" + Time,
        ["duration"] = Duration,
        ["email"] = Atom + @"(?:\." + Atom + ")*@" + Host,
        ["hostname"] = Host,
        ["ipv4"] = Ipv4,
        ["ipv6"] = Ipv6,
        ["uuid"] = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
        ["uri"] = Uri,
        ["uri-reference"] = Uri + "|" + Relative,
        ["iri"] = Uri,
        ["iri-reference"] = Uri + "|" + Relative,
        ["json-pointer"] = "(?:/(?:[^~/]|~[01])*)*",
        ["relative-json-pointer"] = "(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~[01])*)*)",
    };

    static readonly HashSet<string> s_unsupported = ["regex", "uri-template", "idn-email", "idn-hostname"];

    /// <summary>The pattern of a format; null for formats that say nothing here.</summary>
    public static string? Pattern(string format) => s_patterns.GetValueOrDefault(format);

    /// <summary>Whether it is a format of the standard that cannot be kept.</summary>
    public static bool IsUnsupported(string format) => s_unsupported.Contains(format);
}

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>The formats of strings that are kept, as patterns of the whole text. Where a standard leaves a choice, the narrower one is taken.</summary>
static class JsonFormats
{
    /// <summary>The most characters of a name of the domain system.</summary>
    public const int LongestHostName = 253;

    const string Date = @"(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
        + @"|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";

    // A leap second ends a day in UTC; where an offset puts it elsewhere, it is left out.
    const string Time = @"(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)|23:59:60(?:\.\d+)?(?:[Zz]|[+-]00:00))";

    // Hyphens in the third and fourth place are those of internationalised names; which of them are right is no regular matter.
    const string Label = "(?:[A-Za-z0-9]{1,2}|[A-Za-z0-9][A-Za-z0-9-][A-Za-z0-9]"
        + "|[A-Za-z0-9][A-Za-z0-9-](?:[A-Za-z0-9][A-Za-z0-9-]|-[A-Za-z0-9])[A-Za-z0-9-]{0,58}[A-Za-z0-9]"
        + "|[A-Za-z0-9][A-Za-z0-9-][A-Za-z0-9-][A-Za-z0-9])";

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
    const string SubDelims = "!$&'()*+,;=";
    const string Beyond = "\\u00A0-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}\\u{10000}-\\u{EFFFD}";
    const string AtomText = @"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-";
    const string International = "\\u0080-\\u{D7FF}\\u{E000}-\\u{10FFFF}";
    const string QuotedText = "\"(?:[ !#-\\[\\]-~]|\\\\[ -~])*\"";
    const string WideQuotedText = "\"(?:[ !#-\\[\\]-~" + International + "]|\\\\[ -~])*\"";
    const string MailAddress = @"\[(?:" + Ipv4 + "|IPv6:" + Ipv6 + @")\]";
    const string WideLabel = "[A-Za-z0-9" + International + "](?:[A-Za-z0-9\\-" + International + "]*[A-Za-z0-9" + International + "])?";

    const string TemplateText = "[!#-$&-;=?-\\[\\]_a-z~" + Beyond + "]|" + Percent;
    const string TemplateName = "(?:[A-Za-z0-9_]|" + Percent + ")+(?:\\.(?:[A-Za-z0-9_]|" + Percent + ")+)*(?::[1-9][0-9]{0,3}|\\*)?";

    const string Duration = @"P(?:\d+W|(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?"
        + @"|T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))";

    static readonly Dictionary<string, string> s_patterns = new()
    {
        ["date"] = Date,
        ["time"] = Time,
        ["date-time"] = Date + "[Tt]" + Time,
        ["duration"] = Duration,
        ["email"] = "(?:[" + AtomText + @"]+(?:\.[" + AtomText + "]+)*|" + QuotedText + ")@(?:" + Host + "|" + MailAddress + ")",
        ["idn-email"] = "(?:[" + AtomText + International + @"]+(?:\.[" + AtomText + International + "]+)*|" + WideQuotedText + ")@(?:"
            + WideLabel + @"(?:\." + WideLabel + ")*|" + MailAddress + ")",
        ["hostname"] = Host,
        ["ipv4"] = Ipv4,
        ["ipv6"] = Ipv6,
        ["uuid"] = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
        ["uri"] = Uri("", isReference: false),
        ["uri-reference"] = Uri("", isReference: true),
        ["iri"] = Uri(Beyond, isReference: false),
        ["iri-reference"] = Uri(Beyond, isReference: true),
        ["uri-template"] = "(?:" + TemplateText + "|\\{[+#./;?&=,!@|]?" + TemplateName + "(?:," + TemplateName + ")*\\})*",
        ["json-pointer"] = "(?:/(?:[^~/]|~[01])*)*",
        ["relative-json-pointer"] = "(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~[01])*)*)",
    };

    static readonly HashSet<string> s_unsupported = ["regex", "idn-hostname"];

    /// <summary>The pattern of a format; null for formats that say nothing here.</summary>
    public static string? Pattern(string format) => s_patterns.GetValueOrDefault(format);

    /// <summary>Whether it is a format of the standard that cannot be kept.</summary>
    public static bool IsUnsupported(string format) => s_unsupported.Contains(format);

    /// <summary>RFC 3986, and with further characters RFC 3987.</summary>
    static string Uri(string further, bool isReference)
    {
        string unreserved = "A-Za-z0-9._~\\-" + further;
        string one = $"(?:[{unreserved}{SubDelims}:@]|{Percent})";
        string path = $"(?:/{one}*)*";
        string host = $"(?:\\[(?:{Ipv6}|[vV][0-9A-Fa-f]+\\.[{unreserved}{SubDelims}:]+)\\]|(?:[{unreserved}{SubDelims}]|{Percent})*)";
        string authority = $"(?:(?:[{unreserved}{SubDelims}:]|{Percent})*@)?{host}(?::\\d*)?";
        string ownUse = further.Length == 0 ? "" : "\\u{E000}-\\u{F8FF}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}";
        string rest = $"(?:\\?(?:{one}|[/?{ownUse}])*)?(?:#(?:{one}|[/?])*)?";
        string rooted = $"//{authority}{path}|/(?:{one}+{path})?";
        string absolute = $"[A-Za-z][A-Za-z0-9+.\\-]*:(?:{rooted}|{one}+{path}|){rest}";
        return isReference ? $"(?:{absolute}|(?:{rooted}|(?:[{unreserved}{SubDelims}@]|{Percent})+{path}|){rest})" : absolute;
    }
}

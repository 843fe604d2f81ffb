namespace GemmaSharp.Extensions.AI;

/// <summary>What the model is told to do with a clip of speech: all of the wording.</summary>
static class SpeechPrompt
{
    const string Languages =
        "ar Arabic, bg Bulgarian, bn Bengali, ca Catalan, cs Czech, da Danish, de German, el Greek, en English, es Spanish, "
        + "et Estonian, fa Persian, fi Finnish, fr French, gu Gujarati, he Hebrew, hi Hindi, hr Croatian, hu Hungarian, id Indonesian, "
        + "it Italian, ja Japanese, kn Kannada, ko Korean, lt Lithuanian, lv Latvian, ml Malayalam, mr Marathi, nl Dutch, no Norwegian, "
        + "pl Polish, pt Portuguese, ro Romanian, ru Russian, sk Slovak, sl Slovenian, sr Serbian, sv Swedish, sw Swahili, ta Tamil, "
        + "te Telugu, th Thai, tr Turkish, uk Ukrainian, ur Urdu, vi Vietnamese, zh Chinese";

    /// <summary>Names of the languages that people name by code; the model knows the names better.</summary>
    static readonly Dictionary<string, string> s_names = Languages.Split(", ").ToDictionary(
        pair => pair[..2], pair => pair[3..], StringComparer.OrdinalIgnoreCase);

    /// <summary>The instruction for a clip.</summary>
    /// <param name="speech">The language that is spoken, a code or a name; null when it is not known.</param>
    /// <param name="text">The language that is wanted; null for the spoken one.</param>
    /// <exception cref="ArgumentException">A language is neither a code nor a name.</exception>
    public static string Of(string? speech, string? text)
    {
        string? from = Name(speech, "SpeechLanguage"), to = Name(text, "TextLanguage");
        return (from, to) switch
        {
            (null, null) => "Transcribe this audio.",
            (not null, null) => $"Transcribe this audio in {from}.",
            (null, not null) => $"Translate this audio into {to}.",
            _ when from == to => $"Transcribe this audio in {from}.",
            _ => $"Translate this audio from {from} into {to}.",
        };
    }

    /// <summary>The name of a language that is given by code or by name; null when it is not known, or is no language.</summary>
    public static string? NameOf(string? language) =>
        language is not null && s_names.TryGetValue(language.Trim().Split('-', '_')[0], out string? name) ? name : language?.Trim();

    // The name becomes part of the prompt, so it must not be able to say anything else.
    static string? Name(string? language, string option)
    {
        if (string.IsNullOrWhiteSpace(language))
        {
            return null;
        }

        string text = language.Trim();
        string primary = text.Split('-', '_')[0];
        return s_names.TryGetValue(primary, out string? name) ? name
            : text.Length <= 32 && text.All(c => char.IsLetter(c) || c is '-' or ' ') ? text
            : throw new ArgumentException(
                $"{option} is {(text.Length > 40 ? text[..40] + "…" : text)}; it must be a code such as de or pt-BR, or a language's name.", option);
    }
}

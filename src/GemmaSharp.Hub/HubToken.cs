namespace GemmaSharp.Hub;

/// <summary>An access token and where it came from; its text is for one header alone.</summary>
sealed class HubToken
{
    HubToken(string text, string source)
    {
        (Text, Source) = (text, source);
    }

    /// <summary>The secret.</summary>
    public string Text { get; }

    /// <summary>Where it came from, for sentences: <c>the variable HF_TOKEN</c>.</summary>
    public string Source { get; }

    /// <exception cref="HubException">It holds what a header cannot.</exception>
    public static HubToken Create(string text, string source)
    {
        text = text.Trim();
        return text.Length > 0 && !text.AsSpan().ContainsAnyExceptInRange('!', '~')
            ? new HubToken(text, source)
            : throw new HubException(HubFailure.BadSetting, $"The access token of {source} is empty or holds white space or characters that are no "
                + $"ASCII; copy it again.");
    }

    /// <summary>Not the secret.</summary>
    public override string ToString() => Source;
}

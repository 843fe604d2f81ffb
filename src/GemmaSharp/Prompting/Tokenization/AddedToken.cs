namespace GemmaSharp.Prompting.Tokenization;

/// <summary>An entry of <c>added_tokens</c>: a piece that is found in the text before byte-pair encoding sees it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">The text it stands for.</param>
/// <param name="Special">Whether decoding may leave it out.</param>
/// <param name="Normalized">Whether it is looked for after the normalizer ran, instead of in the raw text.</param>
/// <param name="StripLeft">Whether it takes whitespace before it along.</param>
/// <param name="StripRight">Whether it takes whitespace behind it along.</param>
/// <param name="SingleWord">Whether it counts only where no letter or digit touches it.</param>
internal sealed record AddedToken(
    int Id, string Content, bool Special, bool Normalized, bool StripLeft, bool StripRight, bool SingleWord)
{
    /// <summary>Whether the token steers the model, so that text of a user must not be able to spell it.</summary>
    public bool Control { get; init; } = Special;
}

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>What <c>tokenizer.json</c> says, checked.</summary>
/// <param name="Vocabulary">Pieces of the model and of the added tokens.</param>
/// <param name="Merges">Merges in the order of their ranks.</param>
/// <param name="JoinsSpaces">
/// Characters that some merge joins to a following <c>▁</c>, <c>▁</c> itself left out; null where longer pieces join it.
/// </param>
/// <param name="AddedTokens">The added tokens.</param>
/// <param name="UnknownId">The id of <c>unk_token</c>.</param>
/// <param name="FuseUnknown">Whether unknown characters in a row become one token.</param>
/// <param name="ByteFallback">Whether a character without a piece is written as its UTF-8 bytes.</param>
/// <param name="ReplacesSpaces">Whether the normalizer writes <c>▁</c> for a space.</param>
/// <param name="PrependsBos">Whether the post-processor puts a token before the text.</param>
internal sealed record TokenizerModel(
    Vocabulary Vocabulary,
    MergeTable Merges,
    string? JoinsSpaces,
    IReadOnlyList<AddedToken> AddedTokens,
    int? UnknownId,
    bool FuseUnknown,
    bool ByteFallback,
    bool ReplacesSpaces,
    bool PrependsBos);

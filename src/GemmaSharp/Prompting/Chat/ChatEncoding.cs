namespace GemmaSharp.Prompting.Chat;

/// <summary>A rendered conversation as token ids, placeholders expanded.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Images">The soft tokens of each picture, in order.</param>
/// <param name="Clips">The soft tokens of each clip, in order.</param>
sealed record ChatEncoding(int[] Ids, IReadOnlyList<TokenRun> Images, IReadOnlyList<TokenRun> Clips);

/// <summary>Consecutive positions of a prompt.</summary>
/// <param name="Start">The first.</param>
/// <param name="Count">How many.</param>
readonly record struct TokenRun(int Start, int Count);

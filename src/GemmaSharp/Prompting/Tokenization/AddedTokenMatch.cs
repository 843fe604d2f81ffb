namespace GemmaSharp.Prompting.Tokenization;

/// <summary>An added token found in a text.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Start">First character, whitespace it takes along included.</param>
/// <param name="End">The character behind it.</param>
internal readonly record struct AddedTokenMatch(int Id, int Start, int End);

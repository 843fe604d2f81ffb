namespace GemmaSharp;

/// <summary>One token of a text.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="Piece">The token as the vocabulary spells it: <c>▁</c> for a space, <c>&lt;0xNN&gt;</c> for a byte.</param>
public readonly record struct TokenPiece(int Id, string Piece);

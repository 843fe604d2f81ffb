namespace GemmaSharp;

/// <summary>How far a conversion is.</summary>
/// <param name="Tensor">Name of the tensor being written or verified, as it is called in the result.</param>
/// <param name="Verifying">Whether everything is written and is being read again.</param>
/// <param name="DoneBytes">Bytes done, written and verified ones together.</param>
/// <param name="TotalBytes">Twice the bytes of the result.</param>
public readonly record struct ConversionProgress(string Tensor, bool Verifying, long DoneBytes, long TotalBytes);

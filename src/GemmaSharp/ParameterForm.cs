namespace GemmaSharp;

/// <summary>How a checkpoint stores a parameter.</summary>
/// <param name="StoredName">Name in the file.</param>
/// <param name="File">The file.</param>
/// <param name="Shape">Shape in Hugging Face's layout, unpacked.</param>
/// <param name="Format">Stored form: <c>bf16</c>, <c>affine4/64</c>.</param>
public sealed record ParameterForm(string StoredName, string File, IReadOnlyList<long> Shape, string Format);

namespace GemmaSharp.Hub;

/// <summary>A model that another program on this machine has downloaded.</summary>
/// <param name="Program">Whose it is: <c>Ollama</c>, <c>LM Studio</c>, <c>llama.cpp</c>.</param>
/// <param name="Name">What it is called there.</param>
/// <param name="Use">What to give as a model: <c>ollama:NAME</c>, or the path.</param>
/// <param name="Path">The file of its weights, the first of several.</param>
/// <param name="Projector">The GGUF file of its towers; null where it has none.</param>
/// <param name="Bytes">Bytes of all its files.</param>
public sealed record OtherModel(string Program, string Name, string Use, string Path, string? Projector, long Bytes);

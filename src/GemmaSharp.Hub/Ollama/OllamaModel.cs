using System.Text.Json;

namespace GemmaSharp.Hub;

/// <summary>A model in Ollama's store.</summary>
/// <param name="Name">Its name as Ollama shows it, shortened by what is usual: <c>gemma3n:e2b</c>, <c>HOST/ORG/NAME:TAG</c>.</param>
/// <param name="Path">The GGUF file of its weights.</param>
/// <param name="Projector">The GGUF file of its towers; null where it has none.</param>
/// <param name="Bytes">Bytes of both.</param>
/// <param name="System">The system text it is asked with unless another is given; null for none.</param>
/// <param name="Parameters">Its sampling settings by Ollama's names, such as <c>temperature</c>, <c>top_k</c>, <c>num_predict</c>; empty for none.</param>
/// <param name="License">The text of its licence; null for none.</param>
/// <param name="Family">The family, such as <c>gemma3n</c>, as its configuration says; null where that says nothing.</param>
public sealed record OllamaModel(
    string Name, string Path, string? Projector, long Bytes, string? System, IReadOnlyDictionary<string, JsonElement> Parameters, string? License,
    string? Family);

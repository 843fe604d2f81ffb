using System.Text.Json;

namespace GemmaSharp.Hub;

/// <summary>A model in Ollama's store.</summary>
/// <param name="Name">Its name as Ollama shows it, shortened by what is usual: <c>gemma3n:e2b</c>, <c>HOST/ORG/NAME:TAG</c>.</param>
/// <param name="Path">The GGUF file of its weights.</param>
/// <param name="Projector">The GGUF file of its towers; null where it has none.</param>
/// <param name="Bytes">Bytes of both.</param>
/// <param name="System">The system text it is asked with unless another is given; null for none.</param>
/// <param name="Messages">Turns that stand before every conversation, in order; empty for none.</param>
/// <param name="Parameters">Its sampling settings by Ollama's names, such as <c>temperature</c>, <c>top_k</c>, <c>num_predict</c>; empty for none.</param>
/// <param name="License">The text of its licence; null for none.</param>
/// <param name="Family">The family, such as <c>gemma3n</c>, as its configuration says; null where that says nothing.</param>
public sealed record OllamaModel(
    string Name, string Path, string? Projector, long Bytes, string? System, IReadOnlyList<ChatMessage> Messages,
    IReadOnlyDictionary<string, JsonElement> Parameters, string? License, string? Family)
{
    /// <summary>Settings that say how Ollama itself works with a model, and nothing of its answers.</summary>
    static readonly HashSet<string> s_machine = new(StringComparer.Ordinal)
    {
        "num_gpu", "main_gpu", "num_thread", "num_batch", "num_keep", "low_vram", "use_mmap", "use_mlock", "numa", "f16_kv", "vocab_only", "logits_all",
        "embedding_only", "rope_frequency_base", "rope_frequency_scale",
    };

    /// <summary>What it is asked with unless a request says otherwise: its system text, turns and parameters.</summary>
    /// <remarks>Parameters, and turns that are none of user and assistant by turns, have no effect and are named in its warning.</remarks>
    public ModelDefaults Defaults
    {
        get
        {
            var unheeded = new List<string>();
            bool areExamples = ModelDefaults.AreExamples(Messages);
            var defaults = new ModelDefaults
            {
                System = string.IsNullOrWhiteSpace(System) ? null : System,
                Messages = areExamples ? Messages : [],
                License = License,
            };
            if (!areExamples)
            {
                unheeded.Add("messages");
            }

            foreach ((string name, JsonElement value) in Parameters.OrderBy(each => each.Key, StringComparer.Ordinal))
            {
                double? number = value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double d) ? d : null;
                int? whole = value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int n) ? n : null;
                ModelDefaults? changed = (name, number, whole) switch
                {
                    ("temperature", >= 0 and <= float.MaxValue, _) => defaults with { Temperature = number },
                    ("top_k", _, >= 0) => defaults with { TopK = whole },
                    ("top_p", > 0 and <= 1, _) => defaults with { TopP = number },
                    ("min_p", >= 0 and <= 1, _) => defaults with { MinP = number },
                    ("repeat_penalty", > 0 and <= float.MaxValue, _) => defaults with { RepetitionPenalty = number },
                    ("num_predict", _, >= 1) => defaults with { MaxTokens = whole },

                    // Without end, and to the end of the context: what happens anyway.
                    ("num_predict", _, -1 or -2) => defaults,
                    ("num_ctx", _, >= 1) => defaults with { ContextLength = whole },

                    // −1 is a new one each time.
                    ("seed", _, -1) => defaults,
                    ("seed", not null, _) when value.TryGetInt64(out long seed) => defaults with { Seed = unchecked((ulong)seed) },
                    ("stop", _, _) when Texts(value) is string[] stop => defaults with { Stop = stop },
                    _ => null,
                };
                if (changed is not null)
                {
                    defaults = changed;
                }
                else if (!s_machine.Contains(name))
                {
                    unheeded.Add(name);
                }
            }

            return unheeded.Count == 0 ? defaults : defaults with
            {
                Warning = $"{Name} in Ollama's store sets {string.Join(", ", unheeded)}, which {(unheeded.Count == 1 ? "has" : "have")} no effect here",
            };
        }
    }

    static string[]? Texts(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString() is { Length: > 0 } one ? [one] : [],
        JsonValueKind.Array when value.EnumerateArray().All(each => each.ValueKind == JsonValueKind.String) =>
            [.. value.EnumerateArray().Select(each => each.GetString()!).Where(text => text.Length > 0)],
        _ => null,
    };
}

using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>Reads the root of <c>config.json</c>: which model, where its sections are, the special ids.</summary>
static class Gemma3nConfigReader
{
    const int LastId = 1 << 24;

    /// <summary>Reads it.</summary>
    /// <param name="rootElement">The whole object.</param>
    /// <param name="file">What messages call the file that it is from.</param>
    /// <param name="places">Where values stand by their JSON paths, if not in a file of this form; null for where they are read.</param>
    public static Gemma3nConfig Read(JsonElement rootElement, string file = Gemma3nConfig.FileName, Func<string, ConfigPlace>? places = null)
    {
        var values = new List<EffectiveValue>();
        JsonFields root = new JsonFields("", values).Add(rootElement, file, "$", places);
        RequireGemma3n(root);

        JsonFields nested = root.Section("text_config");
        JsonFields text = nested.Exists ? nested : new JsonFields("text_config", values).Add(rootElement, file, "$", places);
        if (nested.Exists && nested.Raw("model_type") is JsonElement)
        {
            nested.Choice("model_type", "gemma3n_text");
        }

        // transformers reads the key at the root of a nested config; older files have it in the section only.
        bool? rootTie = nested.Exists && root.Raw("tie_word_embeddings") is not null ? root.Bool("tie_word_embeddings", true) : null;
        JsonFields vision = root.Section("vision_config");
        JsonFields audio = root.Section("audio_config");
        return new Gemma3nConfig
        {
            TextConfig = TextConfigReader.Read(text, rootTie),
            // transformers gives a section that is not there its defaults; an unwrapped text config has no towers at all.
            VisionConfig = nested.Exists || vision.Exists ? VisionConfigReader.Read(vision) : null,
            AudioConfig = nested.Exists || audio.Exists ? AudioConfig.Read(audio) : null,
            AudioSoftTokensPerImage = root.Int("audio_soft_tokens_per_image", 188, 1, 1 << 16),
            VisionSoftTokensPerImage = root.Int("vision_soft_tokens_per_image", 256, 1, 1 << 16),
            BoiTokenId = root.Int("boi_token_id", 255999, 0, LastId),
            EoiTokenId = root.Int("eoi_token_id", 262144, 0, LastId),
            ImageTokenId = root.Int("image_token_id", 262145, 0, LastId),
            BoaTokenId = root.Int("boa_token_id", 256000, 0, LastId),
            EoaTokenId = root.Int("eoa_token_id", 262272, 0, LastId),
            AudioTokenId = root.Int("audio_token_id", 262273, 0, LastId),
            EosTokenId = root.IntOrList("eos_token_id", 0, LastId, 1024)
                ?? (nested.Exists ? nested.IntOrList("eos_token_id", 0, LastId, 1024) : null) ?? [],
            Quantization = QuantizationConfig.Read(root, nested),
            Values = values,
        };
    }

    static void RequireGemma3n(JsonFields root)
    {
        JsonElement? type = root.Raw("model_type");
        string? name = type is { ValueKind: JsonValueKind.String } t ? t.GetString() : null;
        if (name is "gemma3n" or "gemma3n_text")
        {
            root.Choice("model_type", "gemma3n", "gemma3n_text");
            return;
        }

        bool gemma3nByArchitecture = type is null && root.Raw("architectures") is { ValueKind: JsonValueKind.Array } architectures
            && architectures.EnumerateArray().Any(a => a.ValueKind == JsonValueKind.String && a.GetString()!.StartsWith("Gemma3n", StringComparison.Ordinal));
        if (!gemma3nByArchitecture)
        {
            string found = type is JsonElement other ? $"is {other.GetRawText()[..Math.Min(60, other.GetRawText().Length)]}" : "is absent";
            throw new ConfigurationException(Gemma3nConfig.FileName, "$.model_type",
                $"{found}; this program runs \"gemma3n\" only, so use a Gemma 3n checkpoint such as google/gemma-3n-E2B-it.");
        }
    }
}

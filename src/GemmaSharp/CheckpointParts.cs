using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Configuration;
using GemmaSharp.Prompting.Chat;

namespace GemmaSharp;

/// <summary>What a model needs beside its weights: of a folder the files beside them, of a GGUF file its keys.</summary>
static class CheckpointParts
{
    const string Template = "tokenizer.chat_template";

    /// <summary>Text to ids and back.</summary>
    /// <exception cref="TokenizerException">It is missing, broken or of another form.</exception>
    public static Tokenizer LoadTokenizer(this Checkpoint checkpoint) =>
        checkpoint.Gguf is GgufModel gguf ? Tokenizer.FromGguf(gguf.First.Metadata) : Tokenizer.Load(checkpoint.Folder);

    /// <summary>Conversations to prompts. The template that the checkpoint brings along is looked at and never executed.</summary>
    /// <exception cref="TokenizerException">It is broken.</exception>
    public static ChatTemplate LoadChatTemplate(this Checkpoint checkpoint, Tokenizer tokenizer) =>
        checkpoint.Gguf is GgufModel gguf
            ? new ChatTemplate(tokenizer, gguf.First.Metadata.Text(Template) ?? gguf.First.Metadata.Text(Template + ".default"), isEdited: true)
            : ChatTemplate.Load(checkpoint.Folder, tokenizer);

    /// <summary>How answers are drawn.</summary>
    /// <exception cref="ConfigurationException">A value is impossible.</exception>
    public static GenerationDefaults LoadGenerationDefaults(this Checkpoint checkpoint)
    {
        if (checkpoint.Gguf is not GgufModel gguf)
        {
            return GenerationDefaults.Load(checkpoint.Folder, checkpoint.Config);
        }

        GgufMetadata keys = gguf.First.Metadata;
        JsonObject settings = GgufConfig.Settings(gguf.First, GenerationDefaults.FileName) ?? [];
        foreach ((string key, string field) in (ReadOnlySpan<(string, string)>)
            [("general.sampling.temp", "temperature"), ("general.sampling.top_k", "top_k"), ("general.sampling.top_p", "top_p")])
        {
            if (keys.Number(key) is double value)
            {
                // Stored as float32: the shortest decimal of it is what was meant.
                settings[field] = JsonValue.Create(double.IsFinite(value) ? (decimal)(float)value : throw keys.Wrong(key, value, "a finite number"));
            }
        }

        return GenerationDefaults.Read(GgufConfig.Element(settings), gguf.First.Name, checkpoint.Config);
    }

    /// <summary>How pictures and sound are prepared.</summary>
    /// <exception cref="ConfigurationException">A value is impossible.</exception>
    public static ProcessorConfig LoadProcessor(this Checkpoint checkpoint)
    {
        if (checkpoint.Gguf is not GgufModel gguf)
        {
            return ProcessorConfig.Load(checkpoint.Folder);
        }

        JsonObject? said = gguf.Projector is null ? null : GgufConfig.Processor(gguf.Projector);
        return ProcessorConfig.Read(Of(ProcessorConfig.New), Of(ProcessorConfig.Old) ?? (said is null ? null : GgufConfig.Element(said)));

        JsonElement? Of(string file) => GgufConfig.Settings(gguf.First, file) is JsonObject settings ? GgufConfig.Element(settings) : null;
    }
}

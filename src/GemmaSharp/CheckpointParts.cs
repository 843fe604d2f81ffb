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
        var places = new GgufPlaces(gguf.First.Name, settings, GenerationDefaults.FileName);
        foreach ((string key, string field) in (ReadOnlySpan<(string, string)>)
            [("general.sampling.temp", "temperature"), ("general.sampling.top_k", "top_k"), ("general.sampling.top_p", "top_p")])
        {
            if (keys.Number(key) is double value)
            {
                // Stored as float32: the shortest decimal of it is what was meant.
                places.Note("$." + field, key);
                settings[field] = JsonValue.Create(double.IsFinite(value) ? (decimal)(float)value : throw keys.Wrong(key, value, "a finite number"));
            }
        }

        return GenerationDefaults.Read(GgufConfig.Element(settings), gguf.First.Name, checkpoint.Config, places.Of);
    }

    /// <summary>How pictures and sound are prepared.</summary>
    /// <exception cref="ConfigurationException">A value is impossible.</exception>
    public static ProcessorConfig LoadProcessor(this Checkpoint checkpoint)
    {
        if (checkpoint.Gguf is not GgufModel gguf)
        {
            return ProcessorConfig.Load(checkpoint.Folder);
        }

        JsonObject? newest = GgufConfig.Settings(gguf.First, ProcessorConfig.New), published = GgufConfig.Settings(gguf.First, ProcessorConfig.Old);
        var newestPlaces = new GgufPlaces(gguf.First.Name, newest, ProcessorConfig.New);
        var publishedPlaces = new GgufPlaces(gguf.First.Name, published, ProcessorConfig.Old);
        if (published is null && gguf.Projector is GgufFile projector && GgufConfig.Processor(projector) is JsonObject said)
        {
            published = said;
            publishedPlaces.Note("$.size.height", GgufConfig.ImageSize, projector.Name);
            publishedPlaces.Note("$.size.width", GgufConfig.ImageSize, projector.Name);
        }

        return ProcessorConfig.Read(Element(newest), Element(published), newestPlaces.Of, publishedPlaces.Of);

        static JsonElement? Element(JsonObject? settings) => settings is null ? null : GgufConfig.Element(settings);
    }
}

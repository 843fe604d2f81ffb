using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Media;

namespace GemmaSharp.Load;

/// <summary>One question with all that its answer depends on, so that the same is asked of the library and, in any dialect, of the server.</summary>
sealed record LoadCase
{
    const string Picture = "image/png";

    /// <summary>What is asked.</summary>
    public required string Text { get; init; }

    /// <summary>What comes before it; null for nothing.</summary>
    public string? System { get; init; }

    /// <summary>0 is greedy.</summary>
    public double Temperature { get; init; }

    /// <summary>The first answer's seed; later ones follow.</summary>
    public long Seed { get; init; }

    public int? TopK { get; init; }

    public double? TopP { get; init; }

    public int MaxTokens { get; init; } = 48;

    /// <summary>How many answers.</summary>
    public int Count { get; init; } = 1;

    /// <summary>A PNG; null for none.</summary>
    public byte[]? Image { get; init; }

    /// <summary>A WAV; null for none.</summary>
    public byte[]? Sound { get; init; }

    /// <summary>A JSON schema that binds the answer; null for none.</summary>
    public string? Schema { get; init; }

    /// <summary>Whether the text is continued without a template.</summary>
    public bool IsRaw { get; init; }

    /// <summary>Whether the sound is to be written down, by the endpoint that does that.</summary>
    public bool IsTranscription { get; init; }

    /// <summary>The cases of a run: texts greedy and drawn, several answers, pictures, sound, forms.</summary>
    /// <param name="media">The folder with pictures and sounds.</param>
    public static IReadOnlyList<LoadCase> All(string media)
    {
        var cases = new List<LoadCase>();
        string[] texts =
        [
            "What is the capital of Peru?", "What is the capital of Belgium?", "Name the capital of Japan.", "What is 8 + 9?", "What is 12 plus 30?", "Hello!", "Tell me a story.",
            "Count from one to ten.",
        ];
        foreach (string text in texts)
        {
            cases.Add(new LoadCase { Text = text });
            cases.Add(new LoadCase { Text = text, Temperature = 1, Seed = text.Length, TopK = 0, TopP = 1 });
            cases.Add(new LoadCase { Text = text, Temperature = 0.8, Seed = -text.Length, TopK = 40, TopP = 0.9, System = "You are a teacher and answer briefly." });
        }

        cases.Add(new LoadCase { Text = "Say something.", Temperature = 1.5, Seed = 7, TopK = 0, TopP = 1, Count = 3, MaxTokens = 24 });
        cases.Add(new LoadCase { Text = "And something else.", Temperature = 1.2, Seed = long.MaxValue, TopK = 0, TopP = 1, Count = 2, MaxTokens = 24 });
        cases.Add(new LoadCase { Text = string.Concat(Enumerable.Repeat("The cat sat on the mat. ", 60)) + "Where did the cat sit?" });
        cases.Add(new LoadCase { Text = string.Concat(Enumerable.Repeat("The cat sat on the mat. ", 60)) + "Who sat on the mat?", Temperature = 1, Seed = 5, TopK = 0, TopP = 1 });
        cases.Add(new LoadCase
        {
            Text = "What is the capital of Peru?",
            Schema = """{"type":"object","properties":{"capital":{"enum":["Lima","Quito"]},"sure":{"type":"boolean"}},"required":["capital","sure"],"additionalProperties":false}""",
        });
        cases.Add(new LoadCase
        {
            Text = "Make up a list.",
            Temperature = 1,
            Seed = 3,
            TopK = 0,
            TopP = 1,
            MaxTokens = 64,
            Schema = """{"type":"array","items":{"type":"integer","minimum":0,"maximum":99},"minItems":2,"maxItems":5}""",
        });
        cases.Add(new LoadCase { Text = "The capital of", IsRaw = true, MaxTokens = 16 });
        cases.Add(new LoadCase { Text = "Once upon a time", IsRaw = true, Temperature = 1, Seed = 11, TopK = 0, TopP = 1, MaxTokens = 32 });
        for (int i = 0; i < 4; i++)
        {
            byte[] image = File.ReadAllBytes(Path.Combine(media, $"image-0{i}.png")), sound = File.ReadAllBytes(Path.Combine(media, $"audio-0{i}.wav"));
            cases.Add(new LoadCase { Text = "Describe this image.", Image = image, Temperature = i % 2, Seed = i, TopK = 0, TopP = 1 });
            cases.Add(new LoadCase { Text = "Transcribe this audio.", Sound = sound, Temperature = i % 2, Seed = i, TopK = 0, TopP = 1 });
            cases.Add(new LoadCase { Text = "", Sound = sound, IsTranscription = true });
        }

        return cases;
    }

    /// <summary>The same for the library.</summary>
    public GenerationRequest ToRequest(GemmaModel model)
    {
        var options = new GenerationOptions
        {
            Temperature = (float)Temperature,
            Seed = unchecked((ulong)Seed),
            TopK = TopK,
            TopP = (float?)TopP,
            MaxTokens = MaxTokens,
            Constraint = Schema is null ? null : Constraint.JsonSchema(Schema, new JsonSchemaOptions { Strict = true }),
        };
        if (IsRaw)
        {
            return new GenerationRequest { PromptIds = [model.Tokenizer.BosTokenId!.Value, .. model.Tokenizer.EncodeToIds(Text, allowSpecial: false)], Options = options };
        }

        using var loader = new MediaLoader();
        var parts = new List<ContentPart>();
        if (Image is not null)
        {
            parts.Add(new ImagePart(loader.LoadImage(Image)));
        }

        if (Sound is not null)
        {
            parts.Add(new AudioPart(loader.LoadAudio(Sound).Clips[0]));
        }

        ChatMessage user = parts.Count == 0 ? ChatMessage.User(Text) : ChatMessage.User([.. parts, new TextPart(Text)]);
        return new GenerationRequest { Messages = System is null ? [user] : [ChatMessage.System(System), user], Options = options };
    }

    /// <summary>Whether a dialect can ask it.</summary>
    public bool CanBeAskedIn(WireDialect dialect) => dialect switch
    {
        WireDialect.Transcription => IsTranscription,
        WireDialect.Completion => IsRaw,
        _ when IsTranscription || IsRaw => false,
        WireDialect.Chat => true,
        WireDialect.Response => Count == 1,
        WireDialect.OllamaChat => Count == 1,
        WireDialect.OllamaGenerate => Count == 1,
        WireDialect.Message => Count == 1 && Temperature == 0 && Sound is null,
        _ => false,
    };

    /// <summary>The path and body of the same for the server.</summary>
    public (string Path, JsonObject Body) ToBody(WireDialect dialect, bool streams) => dialect switch
    {
        WireDialect.Chat => ("/v1/chat/completions", Chat(streams)),
        WireDialect.Completion => ("/v1/completions", Sampling(new JsonObject { ["prompt"] = Text, ["stream"] = streams }, "max_tokens")),
        WireDialect.Response => ("/v1/responses", Response(streams)),
        WireDialect.Message => ("/v1/messages", Message(streams)),
        WireDialect.OllamaChat => ("/api/chat", OllamaChat(streams)),
        WireDialect.OllamaGenerate => ("/api/generate", OllamaGenerate(streams)),
        _ => throw new ArgumentOutOfRangeException(nameof(dialect), dialect, "It has no body of JSON."),
    };

    JsonObject Chat(bool streams)
    {
        var content = new JsonArray();
        if (Image is not null)
        {
            content.Add(new JsonObject { ["type"] = "image_url", ["image_url"] = new JsonObject { ["url"] = $"data:{Picture};base64,{Convert.ToBase64String(Image)}" } });
        }

        if (Sound is not null)
        {
            content.Add(new JsonObject { ["type"] = "input_audio", ["input_audio"] = new JsonObject { ["data"] = Convert.ToBase64String(Sound), ["format"] = "wav" } });
        }

        JsonNode said = Text;
        if (content.Count > 0)
        {
            content.Add(new JsonObject { ["type"] = "text", ["text"] = Text });
            said = content;
        }

        var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = said });
        if (System is not null)
        {
            messages.Insert(0, new JsonObject { ["role"] = "system", ["content"] = System });
        }

        JsonObject body = Sampling(new JsonObject { ["messages"] = messages, ["stream"] = streams, ["n"] = Count }, "max_tokens");
        if (Schema is not null)
        {
            body["response_format"] = new JsonObject
            {
                ["type"] = "json_schema",
                ["json_schema"] = new JsonObject { ["name"] = "form", ["strict"] = true, ["schema"] = JsonNode.Parse(Schema) },
            };
        }

        return body;
    }

    JsonObject Response(bool streams)
    {
        var content = new JsonArray();
        if (Image is not null)
        {
            content.Add(new JsonObject { ["type"] = "input_image", ["image_url"] = $"data:{Picture};base64,{Convert.ToBase64String(Image)}" });
        }

        if (Sound is not null)
        {
            content.Add(new JsonObject { ["type"] = "input_audio", ["input_audio"] = new JsonObject { ["data"] = Convert.ToBase64String(Sound), ["format"] = "wav" } });
        }

        content.Add(new JsonObject { ["type"] = "input_text", ["text"] = Text });
        JsonObject body = Sampling(
            new JsonObject { ["input"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content }), ["stream"] = streams, ["instructions"] = System },
            "max_output_tokens");
        if (Schema is not null)
        {
            body["text"] = new JsonObject
            {
                ["format"] = new JsonObject { ["type"] = "json_schema", ["name"] = "form", ["strict"] = true, ["schema"] = JsonNode.Parse(Schema) },
            };
        }

        return body;
    }

    JsonObject Message(bool streams)
    {
        var content = new JsonArray();
        if (Image is not null)
        {
            content.Add(new JsonObject
            {
                ["type"] = "image",
                ["source"] = new JsonObject { ["type"] = "base64", ["media_type"] = Picture, ["data"] = Convert.ToBase64String(Image) },
            });
        }

        content.Add(new JsonObject { ["type"] = "text", ["text"] = Text });
        var body = new JsonObject
        {
            ["model"] = ModelId,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content }),
            ["stream"] = streams,
            ["system"] = System,
            ["max_tokens"] = MaxTokens,
            ["temperature"] = Temperature,
        };
        if (Schema is not null)
        {
            body["output_format"] = new JsonObject { ["type"] = "json_schema", ["schema"] = JsonNode.Parse(Schema) };
        }

        return body;
    }

    JsonObject OllamaChat(bool streams)
    {
        var user = new JsonObject { ["role"] = "user", ["content"] = Text, ["images"] = Media() };
        var messages = new JsonArray(user);
        if (System is not null)
        {
            messages.Insert(0, new JsonObject { ["role"] = "system", ["content"] = System });
        }

        return Ollama(new JsonObject { ["messages"] = messages }, streams);
    }

    JsonObject OllamaGenerate(bool streams) => Ollama(new JsonObject { ["prompt"] = Text, ["system"] = System, ["images"] = Media() }, streams);

    JsonObject Ollama(JsonObject body, bool streams)
    {
        body["model"] = ModelId;
        body["stream"] = streams;
        body["format"] = Schema is null ? null : JsonNode.Parse(Schema);
        body["options"] = Sampling([], "num_predict");
        return body;
    }

    JsonArray? Media()
    {
        var list = new JsonArray();
        foreach (byte[] file in ((byte[]?[])[Image, Sound]).OfType<byte[]>())
        {
            list.Add(Convert.ToBase64String(file));
        }

        return list.Count > 0 ? list : null;
    }

    JsonObject Sampling(JsonObject body, string maxTokens)
    {
        body["temperature"] = Temperature;
        body["seed"] = Seed;
        body["top_k"] = TopK;
        body["top_p"] = TopP;
        body[maxTokens] = MaxTokens;
        return body;
    }

    const string ModelId = "gemma-3n-demo";

    /// <summary>A short name for reports.</summary>
    public override string ToString() => JsonSerializer.Serialize(new
    {
        Text = Text.Length > 60 ? Text[..60] + "…" : Text,
        Temperature,
        Seed,
        TopK,
        TopP,
        Count,
        Image = Image?.Length,
        Sound = Sound?.Length,
        Schema = Schema is not null,
        IsRaw,
    });
}

using System.Text.Json.Serialization;

namespace GemmaSharp.Server.OpenAI.Audio;

/// <summary>What was said.</summary>
sealed record Transcription(string Text, AudioUsage Usage)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<WireLogprob>? Logprobs { get; init; }
}

/// <summary>What was said, with when.</summary>
sealed record VerboseTranscription(string Task, string Language, double Duration, string Text, IReadOnlyList<Segment> Segments, AudioUsage Usage);

/// <summary>A piece of the sound between two quiet places.</summary>
sealed record Segment(
    int Id, int Seek, double Start, double End, string Text, IReadOnlyList<int> Tokens, double Temperature, double AvgLogprob, double CompressionRatio,
    double NoSpeechProb);

/// <summary>What it cost.</summary>
sealed record AudioUsage(string Type, int InputTokens, AudioInputDetails InputTokenDetails, int OutputTokens, int TotalTokens);

/// <summary>What the input's tokens stand for.</summary>
sealed record AudioInputDetails(int TextTokens, int AudioTokens);

/// <summary>A piece of a streamed text, or its end.</summary>
sealed record TranscriptEvent(string Type)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<WireLogprob>? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AudioUsage? Usage { get; init; }
}

/// <summary>How these are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Transcription))]
[JsonSerializable(typeof(VerboseTranscription))]
[JsonSerializable(typeof(TranscriptEvent))]
sealed partial class AudioJson : JsonSerializerContext;

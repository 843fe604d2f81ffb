using GemmaSharp.Extensions.AI;
using GemmaSharp.Media;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.Requests;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.OpenAI.Audio;

/// <summary><c>POST /v1/audio/transcriptions</c> and <c>/v1/audio/translations</c>: speech of any length, cut at quiet places.</summary>
sealed class Transcriptions(ModelCatalog catalog, MediaDoor media, AnswerPump pump, FieldLog log) : IDisposable
{
    /// <summary>
    /// The most tokens that a clip of 30 seconds is written down with. Nobody says as much; but a model that has begun to repeat itself does not end.
    /// </summary>
    const int MostTokensOfClip = 1024;

    /// <summary>What clients call models of speech; where nothing here has the name, it is the first model that hears.</summary>
    static readonly HashSet<string> s_aliases = new(StringComparer.OrdinalIgnoreCase)
    {
        "whisper-1", "whisper", "whisper-large-v3", "whisper-large-v3-turbo", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize",
    };

    static readonly HashSet<string> s_known =
    [
        "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities", "timestamp_granularities[]", "include", "include[]",
        "stream", "chunking_strategy", "chunking_strategy[type]", "known_speaker_names", "known_speaker_names[]", "known_speaker_references",
        "known_speaker_references[]",
    ];

    readonly SoundRoom _room = new(pump.Options.MaxTranscription);

    /// <summary><c>POST /v1/audio/transcriptions</c>.</summary>
    public Task TranscribeAsync(HttpContext context) => AnswerAsync(context, "transcribe");

    /// <summary><c>POST /v1/audio/translations</c>: into English.</summary>
    public Task TranslateAsync(HttpContext context) => AnswerAsync(context, "translate");

    public void Dispose() => _room.Dispose();

    async Task AnswerAsync(HttpContext context, string task)
    {
        AudioForm form = await AudioForm.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        foreach (string name in form.Names.Where(name => !s_known.Contains(name)))
        {
            log.Unknown(context, name);
        }

        SelectedModel model = Select(form.Text("model"));
        bool streams = form.Flag("stream");
        string format = Format(form, streams);
        bool tellsLogprobs = TellsLogprobs(form, format);
        string? language = form.Text("language");
        double temperature = form.Number("temperature", 0, 2) ?? 0;
        string prompt = Prompt(language, task, form.Text("prompt"));
        ReadOnlyMemory<byte> file = form.TakeFile();
        using SoundRoom.Place place = await _room.DecodeAsync(() => Decode(file), context.RequestAborted).ConfigureAwait(false);
        file = default;
        var request = new SpeechRequest(
            task, task == "translate" ? "english" : SpeechPrompt.NameOf(language)?.ToLowerInvariant() ?? "unknown", temperature, prompt, place.Sound,
            Caller.Of(context).Tenant, tellsLogprobs);
        using ServerState.Scope scope = pump.Begin();
        await (streams ? StreamAsync(context, model, request)
            : format is "json" or "verbose_json" ? JsonAsync(context, model, request, isVerbose: format != "json")
            : TextAsync(context, model, request, format)).ConfigureAwait(false);
    }

    async Task JsonAsync(HttpContext context, SelectedModel model, SpeechRequest request, bool isVerbose)
    {
        var writer = new SegmentWriter(request.Temperature);
        List<WireLogprob>? logprobs = request.TellsLogprobs ? [] : null;
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await pump.TryAsync(context, reply, async () =>
        {
            await ClipsAsync(context, model, request, reply, writer, (_, logprob) => Add(logprobs, logprob)).ConfigureAwait(false);
            if (isVerbose)
            {
                await reply.EndAsync(
                    new VerboseTranscription(request.Task, request.Language, request.Sound.Duration.TotalSeconds, writer.Text, writer.Segments, writer.Usage),
                    AudioJson.Default.VerboseTranscription).ConfigureAwait(false);
                return;
            }

            await reply.EndAsync(new Transcription(writer.Text, writer.Usage) { Logprobs = logprobs }, AudioJson.Default.Transcription).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    async Task TextAsync(HttpContext context, SelectedModel model, SpeechRequest request, string format)
    {
        var writer = new SegmentWriter(request.Temperature);
        using var reply = new TextReply(context, pump.Options);
        await pump.TryAsync(context, reply, async () =>
        {
            await ClipsAsync(context, model, request, reply, writer, (_, _) => { }).ConfigureAwait(false);
            await reply.EndAsync(format switch
            {
                "srt" => writer.SubRip(),
                "vtt" => writer.WebVtt(),
                _ => writer.Text + "\n",
            }).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    async Task StreamAsync(HttpContext context, SelectedModel model, SpeechRequest request)
    {
        var writer = new SegmentWriter(request.Temperature);
        List<WireLogprob>? all = request.TellsLogprobs ? [] : null, held = request.TellsLogprobs ? [] : null;
        using var stream = new EventStream(context, pump.Options, Dialect.OpenAI);
        await pump.TryAsync(context, stream, async () =>
        {
            await ClipsAsync(context, model, request, stream, writer, Tell).ConfigureAwait(false);
            Write(new TranscriptEvent("transcript.text.done") { Text = writer.Text, Logprobs = all, Usage = writer.Usage });
            await stream.FlushAsync().ConfigureAwait(false);
        }).ConfigureAwait(false);

        void Tell(string piece, WireLogprob? logprob)
        {
            Add(all, logprob);
            Add(held, logprob);
            if (piece.Length > 0)
            {
                Write(new TranscriptEvent("transcript.text.delta") { Delta = piece, Logprobs = held is null ? null : [.. held] });
                held?.Clear();
            }
        }

        void Write(TranscriptEvent value) => stream.Event(value, AudioJson.Default.TranscriptEvent);
    }

    /// <summary>Has the clips written down one after another.</summary>
    /// <param name="context">The request.</param>
    /// <param name="model">Who listens.</param>
    /// <param name="request">What is written down, and how.</param>
    /// <param name="reply">The response.</param>
    /// <param name="writer">Takes what is said.</param>
    /// <param name="told">Told of every token what it adds to the text, which may be nothing, and its probability where that is wanted.</param>
    async Task ClipsAsync(
        HttpContext context, SelectedModel model, SpeechRequest request, Reply reply, SegmentWriter writer, Action<string, WireLogprob?> told)
    {
        // Sound may say anything; what is written down must not depend on luck.
        var options = new GenerationOptions
        {
            Temperature = (float)request.Temperature,
            MaxTokens = SamplingFields.MaxTokens(MostTokensOfClip, pump.Options),
            Logprobs = 0,
        };
        foreach (SpeechClip clip in SpeechClip.Of(request.Sound).Where(clip => !clip.IsSilent))
        {
            writer.Begin(clip);
            IReadOnlyList<GenerationStatistics> statistics = await pump.TakeAsync(
                context, model, clip.Request(request.Prompt, options) with { Tenant = request.Tenant }, 1, reply,
                (int _, in GeneratedToken token) =>
                    told(writer.Add(token), request.TellsLogprobs ? AnswerParts.Logprob(model.Model.Tokenizer, token) : null)).ConfigureAwait(false);
            writer.End(statistics[0]);
        }
    }

    SelectedModel Select(string? name)
    {
        SelectedModel model = name is null || (s_aliases.Contains(name) && !catalog.Models.Any(each => each.IsCalled(name)))
            ? catalog.Select(catalog.Models.FirstOrDefault(each => each.Model?.Summary.HasAudio == true)?.Id)
            : catalog.Select(name);
        return model.Model.Summary.HasAudio ? model
            : throw ApiException.Unsupported("model", $"The model {model.Name} hears nothing: as loaded, it has no audio tower; use one that has.");
    }

    AudioContent Decode(ReadOnlyMemory<byte> file)
    {
        try
        {
            return media.ReadLongAudio(file, "The sound", pump.Options.MaxTranscription);
        }
        catch (MediaException error)
        {
            throw ApiException.Invalid("file", error.Message);
        }
    }

    static string Format(AudioForm form, bool streams)
    {
        if (form.Texts("timestamp_granularities").FirstOrDefault(each => each != "segment") is string granularity)
        {
            throw granularity == "word"
                ? ApiException.Unsupported(
                    "timestamp_granularities", "timestamp_granularities is word, and the model does not tell when each word was said; use segment.")
                : ApiException.Invalid("timestamp_granularities", "timestamp_granularities must be segment.");
        }

        string format = form.Text("response_format") ?? "json";
        if (format == "diarized_json" || form.Texts("known_speaker_names").Any() || form.Texts("known_speaker_references").Any())
        {
            throw ApiException.Unsupported(
                format == "diarized_json" ? "response_format" : "known_speaker_names",
                "The model does not tell speakers apart; use the response_format json or verbose_json, and name no speakers.");
        }

        return format is not ("json" or "text" or "verbose_json" or "srt" or "vtt")
            ? throw ApiException.Unsupported("response_format", "response_format must be json, text, verbose_json, srt or vtt.")
            : streams && format is not ("json" or "text")
            ? throw ApiException.Unsupported(
                "response_format", $"response_format is {format} and stream is true, but a stream tells the text alone; leave out one of them.")
            : format;
    }

    static bool TellsLogprobs(AudioForm form, string format) => form.Texts("include").Contains("logprobs")
        && (format == "json" ? true : throw ApiException.Unsupported("include", $"include has logprobs and response_format is {format}; use json for them."));

    static string Prompt(string? language, string task, string? hint)
    {
        const int LongestHint = 1000;
        string instruction;
        try
        {
            instruction = SpeechPrompt.Of(language, task == "translate" ? "en" : null);
        }
        catch (ArgumentException)
        {
            throw ApiException.Invalid("language", "language must be a code such as de or pt-BR, or a language's name.");
        }

        if (string.IsNullOrWhiteSpace(hint))
        {
            return instruction;
        }

        // Names and words that may occur; the model is told that, so that it does not take them for what was said. Of what was said before,
        // which some send here, the end counts, as it does with the models that the field was made for.
        string end = hint.ReplaceLineEndings(" ").Trim();
        end = end.Length <= LongestHint ? end : end[^LongestHint..];
        end = char.IsLowSurrogate(end[0]) ? end[1..] : end;
        return $"{instruction} These words may occur in it: {end}";
    }

    static void Add(List<WireLogprob>? list, WireLogprob? logprob)
    {
        if (logprob is not null)
        {
            list?.Add(logprob);
        }
    }

    /// <summary>What is to be written down, and how.</summary>
    sealed record SpeechRequest(string Task, string Language, double Temperature, string Prompt, AudioContent Sound, string? Tenant, bool TellsLogprobs);
}

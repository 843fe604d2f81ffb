using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace GemmaSharp.Generation;

/// <summary>What the engine tells OpenTelemetry under the name <c>GemmaSharp</c>: numbers and names of models, never content. Thread-safe.</summary>
/// <remarks>
/// The server's side of the semantic conventions for generative AI, and what they have no name for. What a client sees is reported by the client's middleware
/// and not here, lest it be counted twice. Whoever listens is called here, on the engine's thread: what a listener throws is its own trouble and no answer's.
/// </remarks>
static class Telemetry
{
    /// <summary>Name of the source and of the meter.</summary>
    public const string Name = "GemmaSharp";

    static readonly ActivitySource s_source = new(Name);
    static readonly Meter s_meter = new(Name);
    static readonly Histogram<double> s_duration = Seconds("gen_ai.server.request.duration", "From the request to the last token.");
    static readonly Histogram<double> s_firstToken = Seconds("gen_ai.server.time_to_first_token", "From the request to the first token.");
    static readonly Histogram<double> s_perToken = Seconds("gen_ai.server.time_per_output_token", "Between two tokens after the first.");
    static readonly Counter<long> s_hits = s_meter.CreateCounter<long>("gemmasharp.prefix.hit_tokens", "{token}", "Prompt tokens found again.");
    static readonly Counter<long> s_drafted = s_meter.CreateCounter<long>("gemmasharp.draft.tokens", "{token}", "Tokens guessed and checked beside others.");
    static readonly Counter<long> s_accepted = s_meter.CreateCounter<long>("gemmasharp.draft.accepted_tokens", "{token}", "Guesses that were right.");
    static readonly Histogram<double> s_step = Seconds("gemmasharp.step.duration", "One pass through the model.");
    static readonly Histogram<int> s_rows = s_meter.CreateHistogram<int>("gemmasharp.step.rows", "{row}", "Rows of one pass through the model.");
    static readonly Histogram<double> s_mask = Seconds("gemmasharp.mask.duration", "One mask of a constraint.");
    static readonly Histogram<double> s_encode = Seconds("gemmasharp.media.encode.duration", "Pictures and sound of one prompt.");

    /// <summary>Engines whose state can be asked for.</summary>
    static readonly ConcurrentDictionary<InferenceEngine, bool> s_engines = [];

    static Telemetry()
    {
        s_meter.CreateObservableUpDownCounter(
            "gemmasharp.queue.length", () => Sum(static engine => engine.Admission.Waiting), "{request}", "Requests that wait.");
        s_meter.CreateObservableUpDownCounter(
            "gemmasharp.active", () => Sum(static engine => engine.Admission.Computed), "{request}", "Requests that are computed.");
        s_meter.CreateObservableUpDownCounter(
            "gemmasharp.kv.bytes", () => Sum(static engine => engine.Prefixes.Bytes), "By", "Keys and values of running answers and kept prefixes.");
    }

    /// <summary>Whether masks are worth measuring.</summary>
    public static bool MeasuresMasks => s_mask.Enabled;

    /// <summary>An engine begins.</summary>
    public static void Open(InferenceEngine engine) => s_engines.TryAdd(engine, true);

    /// <summary>An engine will never compute again.</summary>
    public static void Close(InferenceEngine engine) => s_engines.TryRemove(engine, out _);

    /// <summary>A pass has been made.</summary>
    public static void Step(TimeSpan time, int rows)
    {
        try
        {
            s_step.Record(time.TotalSeconds);
            s_rows.Record(rows);
        }
        catch (Exception error)
        {
            Debug.WriteLine(error);
        }
    }

    /// <summary>A mask has been computed.</summary>
    public static void Mask(TimeSpan time)
    {
        try
        {
            s_mask.Record(time.TotalSeconds);
        }
        catch (Exception error)
        {
            Debug.WriteLine(error);
        }
    }

    /// <summary>An answer has ended.</summary>
    /// <param name="times">When it did what.</param>
    /// <param name="statistics">What it cost.</param>
    /// <param name="reason">Why it ended by itself; null where it did not.</param>
    /// <param name="error">What ended it; null for nothing.</param>
    public static void Answered(in AnswerTimes times, GenerationStatistics statistics, StopReason? reason, Exception? error)
    {
        try
        {
            Report(times, statistics, reason, error);
        }
        catch (Exception listeners)
        {
            Debug.WriteLine(listeners);
        }
    }

    static void Report(in AnswerTimes times, GenerationStatistics statistics, StopReason? reason, Exception? error)
    {
        TagList tags = new()
        {
            { "gen_ai.operation.name", "chat" },
            { "gen_ai.provider.name", "gemmasharp" },
            { "gen_ai.request.model", times.Model },
        };
        if (error is not null)
        {
            tags.Add("error.type", error.GetType().FullName);
        }

        s_duration.Record(times.At(times.Ended).TotalSeconds, tags);
        s_hits.Add(statistics.ReusedTokens, tags);
        s_drafted.Add(statistics.DraftedTokens, tags);
        s_accepted.Add(statistics.AcceptedTokens, tags);
        if (times.Prefilled != 0)
        {
            s_firstToken.Record(statistics.TimeToFirstToken.TotalSeconds, tags);
        }

        if (statistics.AnswerTokens > 1)
        {
            s_perToken.Record(statistics.AnswerTime.TotalSeconds / (statistics.AnswerTokens - 1), tags);
        }

        if (times.HasMedia && times.Encoded != 0)
        {
            s_encode.Record((times.At(times.Encoded) - times.At(times.Begun)).TotalSeconds, tags);
        }

        if (s_source.HasListeners())
        {
            Trace(times, statistics, reason, error, tags);
        }
    }

    /// <summary>The spans of an answer, drawn when it is over: on the engine's thread none may be the current one while others are computed.</summary>
    static void Trace(in AnswerTimes times, GenerationStatistics statistics, StopReason? reason, Exception? error, in TagList tags)
    {
        Activity? before = Activity.Current;
        try
        {
            using Activity? answer = s_source.CreateActivity("answer", ActivityKind.Internal, times.Parent, tags);
            if (answer is null)
            {
                return;
            }

            answer.SetStartTime(times.Clock(times.Start));
            answer.Start();
            answer.SetTag("gen_ai.usage.input_tokens", statistics.PromptTokens);
            answer.SetTag("gen_ai.usage.output_tokens", statistics.AnswerTokens);
            answer.SetTag("gen_ai.usage.cache_read.input_tokens", statistics.ReusedTokens);
            answer.SetTag("gemmasharp.stop_reason", reason?.ToString());
            if (error is not null)
            {
                answer.SetStatus(ActivityStatusCode.Error, error.GetType().Name);
            }

            long end = times.Ended;
            Part("queue", times.Start, times.Begun, times, answer.Context);
            Part("encode", times.Begun, times.HasMedia ? times.Encoded : 0, times, answer.Context);
            Part("prefill", times.Encoded, times.Prefilled, times, answer.Context);
            Part("decode", times.Prefilled, times.Prefilled == 0 ? 0 : end, times, answer.Context);
            answer.SetEndTime(times.Clock(end));
        }
        finally
        {
            Activity.Current = before;
        }
    }

    static void Part(string name, long start, long end, in AnswerTimes times, ActivityContext parent)
    {
        if (start != 0 && end != 0 && s_source.CreateActivity(name, ActivityKind.Internal, parent) is Activity part)
        {
            part.SetStartTime(times.Clock(start));
            part.Start();
            part.SetEndTime(times.Clock(end));
            part.Stop();
        }
    }

    static long Sum(Func<InferenceEngine, long> value) => s_engines.Keys.Sum(value);

    static Histogram<double> Seconds(string name, string description) => s_meter.CreateHistogram<double>(name, "s", description);
}

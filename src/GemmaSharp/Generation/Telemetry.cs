using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace GemmaSharp.Generation;

/// <summary>What the engine tells OpenTelemetry under the name <c>GemmaSharp</c>: numbers and names of models, never content. Thread-safe.</summary>
/// <remarks>
/// The server's side of the semantic conventions for generative AI, and what they have no name for. What a client sees is reported by the client's middleware
/// and not here, lest it be counted twice.
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
    static readonly UpDownCounter<int> s_queue = s_meter.CreateUpDownCounter<int>("gemmasharp.queue.length", "{request}", "Requests that wait.");
    static readonly UpDownCounter<int> s_active = s_meter.CreateUpDownCounter<int>("gemmasharp.active", "{request}", "Requests that are computed.");
    static readonly UpDownCounter<long> s_cache = s_meter.CreateUpDownCounter<long>("gemmasharp.kv.bytes", "By", "Keys and values held.");
    static readonly Counter<long> s_hits = s_meter.CreateCounter<long>("gemmasharp.prefix.hit_tokens", "{token}", "Prompt tokens found again.");
    static readonly Histogram<double> s_step = Seconds("gemmasharp.step.duration", "One pass through the model.");
    static readonly Histogram<int> s_rows = s_meter.CreateHistogram<int>("gemmasharp.step.rows", "{row}", "Rows of one pass through the model.");
    static readonly Histogram<double> s_mask = Seconds("gemmasharp.mask.duration", "One mask of a constraint.");
    static readonly Histogram<double> s_encode = Seconds("gemmasharp.media.encode.duration", "Pictures and sound of one prompt.");

    /// <summary>Whether masks are worth measuring.</summary>
    public static bool MeasuresMasks => s_mask.Enabled;

    /// <summary>More or fewer requests wait.</summary>
    public static void Queued(int change) => s_queue.Add(change);

    /// <summary>More or fewer requests are computed.</summary>
    public static void Active(int change) => s_active.Add(change);

    /// <summary>More or fewer bytes of keys and values are held.</summary>
    public static void CacheBytes(long change) => s_cache.Add(change);

    /// <summary>A pass has been made.</summary>
    public static void Step(TimeSpan time, int rows)
    {
        s_step.Record(time.TotalSeconds);
        s_rows.Record(rows);
    }

    /// <summary>A mask has been computed.</summary>
    public static void Mask(TimeSpan time) => s_mask.Record(time.TotalSeconds);

    /// <summary>An answer has ended.</summary>
    /// <param name="times">When it did what.</param>
    /// <param name="statistics">What it cost.</param>
    /// <param name="reason">Why it ended by itself; null where it did not.</param>
    /// <param name="error">What ended it; null for nothing.</param>
    public static void Answered(in AnswerTimes times, GenerationStatistics statistics, StopReason? reason, Exception? error)
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

    static Histogram<double> Seconds(string name, string description) => s_meter.CreateHistogram<double>(name, "s", description);
}

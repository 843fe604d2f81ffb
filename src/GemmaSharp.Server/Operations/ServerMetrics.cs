using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace GemmaSharp.Server.Operations;

/// <summary>What <c>/metrics</c> tells, in Prometheus's text form: counts and times, never content. Thread-safe.</summary>
/// <remarks>Names follow llama-server's where it has one, under <c>gemmasharp:</c>; the histograms are those that vLLM has.</remarks>
sealed class ServerMetrics
{
    static readonly double[] s_firstToken = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160];
    static readonly double[] s_perToken = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2];
    static readonly double[] s_queue = [0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300];

    readonly ConcurrentDictionary<string, ModelMetrics> _models = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<int, StrongLong> _failures = [];
    long _abandoned;

    /// <summary>Notes an answer that came to its end.</summary>
    /// <param name="model">Who gave it.</param>
    /// <param name="statistics">What it cost.</param>
    public void Answered(string model, GenerationStatistics statistics) => Of(model).Add(statistics);

    /// <summary>Notes an answer whose client went away.</summary>
    public void Abandoned() => Interlocked.Increment(ref _abandoned);

    /// <summary>Notes an answer that failed.</summary>
    /// <param name="status">The status that says how.</param>
    public void Failed(int status) => Interlocked.Increment(ref _failures.GetOrAdd(status, static _ => new StrongLong()).Value);

    /// <summary>What a model has done so far.</summary>
    public ModelMetrics Of(string model) => _models.GetOrAdd(model, static _ => new ModelMetrics());

    /// <summary>Everything, as Prometheus reads it.</summary>
    /// <param name="models">The models with their present state: id, answers computed, answers waiting, bytes of caches.</param>
    public string Write(IEnumerable<(string Id, int Active, int Waiting, long CacheBytes)> models)
    {
        (string Id, int Active, int Waiting, long CacheBytes)[] all = [.. models];
        var text = new StringBuilder();
        Family(text, "prompt_tokens_total", "counter", "Prompt tokens computed, those found again not counted.", all, model => model.PromptTokens);
        Family(text, "prompt_tokens_cached_total", "counter", "Prompt tokens found again.", all, model => model.CachedTokens);
        Family(text, "prompt_seconds_total", "counter", "Seconds from the end of queueing to first tokens.", all, model => model.PromptSeconds);
        Family(text, "tokens_predicted_total", "counter", "Tokens of answers.", all, model => model.AnswerTokens);
        Family(text, "tokens_drafted_total", "counter", "Tokens that were guessed and checked beside others.", all, model => model.DraftedTokens);
        Family(text, "tokens_drafted_accepted_total", "counter", "Guesses that were right.", all, model => model.AcceptedTokens);
        Family(text, "tokens_predicted_seconds_total", "counter", "Seconds from first tokens to last ones.", all, model => model.AnswerSeconds);
        Family(text, "prompt_tokens_seconds", "gauge", "Prompt tokens per second, all answers so far.", all,
            model => model.PromptSeconds > 0 ? model.PromptTokens / model.PromptSeconds : 0);
        Family(text, "predicted_tokens_seconds", "gauge", "Answer tokens per second of one answer, all answers so far.", all,
            model => model.AnswerSeconds > 0 ? model.AnswerTokens / model.AnswerSeconds : 0);
        Family(text, "n_tokens_max", "gauge", "The most tokens that prompt and answer had together.", all, model => model.MostTokens);
        Family(text, "requests_total", "counter", "Answers that came to their end.", all, model => model.Answers);
        Head(text, "requests_processing", "gauge", "Answers that are computed.");
        foreach ((string id, int active, _, _) in all)
        {
            Line(text, "requests_processing", Label(id), active);
        }

        Head(text, "requests_deferred", "gauge", "Answers that wait.");
        foreach ((string id, _, int waiting, _) in all)
        {
            Line(text, "requests_deferred", Label(id), waiting);
        }

        Head(text, "kv_cache_bytes", "gauge", "Bytes of keys and values, those kept for later prompts included.");
        foreach ((string id, _, _, long bytes) in all)
        {
            Line(text, "kv_cache_bytes", Label(id), bytes);
        }

        Head(text, "requests_abandoned_total", "counter", "Answers whose client went away.");
        Line(text, "requests_abandoned_total", "", Interlocked.Read(ref _abandoned));
        Head(text, "requests_failed_total", "counter", "Answers that failed after they were begun.");
        foreach ((int status, StrongLong count) in _failures.OrderBy(each => each.Key))
        {
            Line(text, "requests_failed_total", FormattableString.Invariant($"{{status=\"{status}\"}}"), Interlocked.Read(ref count.Value));
        }

        Distribution(text, "time_to_first_token_seconds", "From the request to the first token.", all, model => model.FirstToken);
        Distribution(text, "inter_token_latency_seconds", "Between two tokens, the mean of an answer.", all, model => model.PerToken);
        Distribution(text, "request_queue_time_seconds", "How long requests waited.", all, model => model.Queue);
        return text.ToString();
    }

    void Family(
        StringBuilder text, string name, string type, string help, (string Id, int Active, int Waiting, long CacheBytes)[] models,
        Func<ModelMetrics, double> value)
    {
        Head(text, name, type, help);
        foreach ((string id, _, _, _) in models)
        {
            Line(text, name, Label(id), Of(id).Read(value));
        }
    }

    void Distribution(
        StringBuilder text, string name, string help, (string Id, int Active, int Waiting, long CacheBytes)[] models, Func<ModelMetrics, Histogram> value)
    {
        Head(text, name, "histogram", help);
        foreach ((string id, _, _, _) in models)
        {
            (double[] bounds, long[] counts, double sum) = Of(id).Read(model => value(model).Copy());
            long total = 0;
            for (int i = 0; i < counts.Length; i++)
            {
                total += counts[i];
                string bound = i < bounds.Length ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                Line(text, name + "_bucket", $"{{model=\"{Escaped(id)}\",le=\"{bound}\"}}", total);
            }

            Line(text, name + "_sum", Label(id), sum);
            Line(text, name + "_count", Label(id), total);
        }
    }

    static void Head(StringBuilder text, string name, string type, string help) =>
        text.Append("# HELP gemmasharp:").Append(name).Append(' ').Append(help)
            .Append("\n# TYPE gemmasharp:").Append(name).Append(' ').Append(type).Append('\n');

    static void Line(StringBuilder text, string name, string labels, double value) =>
        text.Append("gemmasharp:").Append(name).Append(labels).Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');

    static string Label(string id) => $"{{model=\"{Escaped(id)}\"}}";

    static string Escaped(string id) => id.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    sealed class StrongLong
    {
        public long Value;
    }

    /// <summary>What one model has done. Read under its lock.</summary>
    public sealed class ModelMetrics
    {
        readonly Lock _lock = new();

        public long PromptTokens { get; private set; }

        public long CachedTokens { get; private set; }

        public double PromptSeconds { get; private set; }

        public long AnswerTokens { get; private set; }

        public long DraftedTokens { get; private set; }

        public long AcceptedTokens { get; private set; }

        public double AnswerSeconds { get; private set; }

        public long Answers { get; private set; }

        public int MostTokens { get; private set; }

        public Histogram FirstToken { get; } = new(s_firstToken);

        public Histogram PerToken { get; } = new(s_perToken);

        public Histogram Queue { get; } = new(s_queue);

        /// <summary>Reads something of it.</summary>
        public T Read<T>(Func<ModelMetrics, T> read)
        {
            lock (_lock)
            {
                return read(this);
            }
        }

        /// <summary>Adds an answer.</summary>
        public void Add(GenerationStatistics statistics)
        {
            lock (_lock)
            {
                Answers++;
                PromptTokens += statistics.PromptTokens - statistics.ReusedTokens;
                CachedTokens += statistics.ReusedTokens;
                PromptSeconds += (statistics.TimeToFirstToken - statistics.QueueTime).TotalSeconds;
                AnswerTokens += statistics.AnswerTokens;
                DraftedTokens += statistics.DraftedTokens;
                AcceptedTokens += statistics.AcceptedTokens;
                AnswerSeconds += statistics.AnswerTime.TotalSeconds;
                MostTokens = Math.Max(MostTokens, statistics.PromptTokens + statistics.AnswerTokens);
                FirstToken.Add(statistics.TimeToFirstToken.TotalSeconds);
                Queue.Add(statistics.QueueTime.TotalSeconds);
                if (statistics.AnswerTokens > 1)
                {
                    PerToken.Add(statistics.AnswerTime.TotalSeconds / (statistics.AnswerTokens - 1));
                }
            }
        }
    }

    /// <summary>How often values fell between bounds.</summary>
    public sealed class Histogram(double[] bounds)
    {
        readonly long[] _counts = new long[bounds.Length + 1];
        double _sum;

        public void Add(double value)
        {
            int at = Array.FindIndex(bounds, bound => value <= bound);
            _counts[at < 0 ? bounds.Length : at]++;
            _sum += value;
        }

        public (double[] Bounds, long[] Counts, double Sum) Copy() => (bounds, [.. _counts], _sum);
    }
}

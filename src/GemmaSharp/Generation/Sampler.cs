using System.Numerics;
using GemmaSharp.Generation.Constraints;

namespace GemmaSharp.Generation;

/// <summary>Chooses the next token of one sequence from its logits.</summary>
/// <remarks>
/// Order: biases, penalties, banned tokens, temperature, top-k, top-p, min-p, draw (as transformers does). Biases and penalties are float32 as the logits are;
/// where they leave float32's range, all scores of that token are doubles, which none can leave. Logits of +∞ share all probability equally. Holds the
/// sequence's random state and token counts; not thread-safe.
/// </remarks>
sealed class Sampler
{
    readonly GenerationOptions _options;
    readonly float _temperature;
    readonly int _topK;
    readonly float _topP;
    readonly KeyValuePair<int, float>[] _biases;
    readonly int[] _banned;
    readonly int[] _ends;
    readonly HashSet<int> _seen;
    readonly Dictionary<int, int> _answerCounts = [];
    SeededRandom _random;
    TokenMask? _allowed;
    readonly float _minP;
    readonly float _repetitionPenalty;
    int _count;
    float[] _scores = [];
    double[] _wideScores = [];
    int[] _candidates = [];
    double[] _weights = [];
    readonly PriorityQueue<double, double> _largest = new();

    /// <summary>Makes a sampler.</summary>
    /// <param name="options">Validated options with what is open taken from the checkpoint, or off.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="promptIds">The prompt, for the repetition penalty.</param>
    /// <param name="ends">Tokens that end an answer: never chosen where the options ignore them, and not before the answer has its least length.</param>
    public Sampler(GenerationOptions options, ulong seed, ReadOnlySpan<int> promptIds, ReadOnlySpan<int> ends)
    {
        _options = options;
        _temperature = options.Temperature ?? 1f;
        _topK = options.TopK ?? 0;
        _topP = options.TopP ?? 1f;
        _minP = options.MinP ?? 0f;
        _repetitionPenalty = options.RepetitionPenalty ?? 1f;
        _ends = [.. ends];

        // Minus infinity is no number to be added: beside a logit of plus infinity it would make one that is none.
        IEnumerable<KeyValuePair<int, float>> biases = options.LogitBias ?? Enumerable.Empty<KeyValuePair<int, float>>();
        _biases = [.. biases.Where(bias => bias.Value is not (0f or float.NegativeInfinity))];
        _banned = [.. biases.Where(bias => bias.Value == float.NegativeInfinity).Select(bias => bias.Key)];
        _seen = [];
        foreach (int id in _repetitionPenalty == 1f ? [] : promptIds)
        {
            _seen.Add(id);
        }

        _random = new SeededRandom(seed);
    }

    /// <summary>Whether all that takes tokens out of the choice is the temperature, so that a token drawn among all and one drawn among the allowed ones are
    /// equally likely once the first is allowed.</summary>
    public bool KeepsAll => _temperature == 0f || (_topK == 0 && _topP >= 1f && _minP == 0f);

    /// <summary>Chooses a token, which counts once it is <see cref="Count">counted</see>.</summary>
    /// <param name="logits">Soft-capped logits of the position before, <c>[V]</c>.</param>
    /// <param name="allowed">The tokens it may be; null for any. Cuts are taken among these.</param>
    /// <exception cref="GenerationException">No logit is finite, or one is NaN.</exception>
    public int Choose(ReadOnlySpan<float> logits, TokenMask? allowed = null)
    {
        _allowed = allowed;
        return TryAdjust(logits, out ReadOnlySpan<float> scores) ? Choose(scores) : Choose(Widened(logits));
    }

    /// <summary>Chooses a token and counts it.</summary>
    /// <inheritdoc cref="Choose(ReadOnlySpan{float}, TokenMask?)"/>
    public int Next(ReadOnlySpan<float> logits, TokenMask? allowed = null)
    {
        int id = Choose(logits, allowed);
        Count(id);
        return id;
    }

    /// <summary>Takes note of a token of the answer, drawn or not.</summary>
    public void Count(int id)
    {
        _count++;
        if (_repetitionPenalty != 1f)
        {
            _seen.Add(id);
        }

        if (_options.PresencePenalty != 0f || _options.FrequencyPenalty != 0f)
        {
            _answerCounts[id] = _answerCounts.GetValueOrDefault(id) + 1;
        }
    }

    /// <summary>Index of the largest value, the lowest on ties.</summary>
    /// <param name="scores">The values.</param>
    /// <param name="allowed">Which of them count; null for all.</param>
    /// <exception cref="GenerationException">A value that counts is NaN, or none is above −∞.</exception>
    internal static int Argmax<T>(ReadOnlySpan<T> scores, TokenMask? allowed = null)
        where T : struct, IBinaryFloatingPointIeee754<T>
    {
        int best = -1;
        T value = T.NegativeInfinity;
        for (int i = First(allowed, scores.Length); i < scores.Length; i = After(i, allowed, scores.Length))
        {
            if (scores[i] > value)
            {
                value = scores[i];
                best = i;
            }
            else if (T.IsNaN(scores[i]))
            {
                throw new GenerationException(
                    $"The logit of token {i} is not a number, so the weights, or a clip or embedding of the prompt, hold values that are not finite; "
                        + "check the checkpoint with 'gemma verify'.");
            }
        }

        return best >= 0 ? best : throw new GenerationException(
            allowed is not null
                ? "Every token that the constraint allows here is banned or has a logit of minus infinity; take the ban away, or loosen the constraint."
                : "Every token is banned or has a logit of minus infinity, so none can be chosen; allow some, or check the checkpoint with 'gemma verify'.");
    }

    /// <summary>Natural log of the softmax of the model's own logits, for the chosen token and the most likely ones.</summary>
    public static (float Chosen, TokenLogprob[] Top) Logprobs(ReadOnlySpan<float> logits, int chosen, int top)
    {
        float max = logits[Argmax(logits)];
        double sum = 0;
        foreach (float logit in logits)
        {
            sum += Math.Exp(Below(logit, max));
        }

        double log = Math.Log(sum), norm = max + log;
        var best = new PriorityQueue<int, (float Logit, int NegatedId)>();
        for (int i = 0; top > 0 && i < logits.Length; i++)
        {
            if (best.Count < top)
            {
                best.Enqueue(i, (logits[i], -i));
            }
            else if (logits[i] > logits[best.Peek()])
            {
                best.EnqueueDequeue(i, (logits[i], -i));
            }
        }

        var result = new TokenLogprob[best.Count];
        for (int i = result.Length - 1; i >= 0; i--)
        {
            int id = best.Dequeue();
            result[i] = new TokenLogprob(id, Logprob(logits[id]));
        }

        return (Logprob(logits[chosen]), result);

        float Logprob(float logit) => (float)(float.IsFinite(max) ? logit - norm : Below(logit, max) - log);
    }

    static int First(TokenMask? allowed, int end) => allowed is null ? 0 : Math.Min(allowed.Next(0), end);

    static int After(int id, TokenMask? allowed, int end) => allowed is null ? id + 1 : Math.Min(allowed.Next(id + 1), end);

    /// <summary><c>score − max</c>, at most 0; 0 also where both are +∞.</summary>
    static double Below(double score, double max) => score == max ? 0 : score - max;

    int Choose<T>(ReadOnlySpan<T> scores)
        where T : struct, IBinaryFloatingPointIeee754<T>
    {
        int best = Argmax(scores, _allowed);
        return _temperature == 0f ? best : Draw(scores, double.CreateTruncating(scores[best]));
    }

    /// <summary>Ends that must not be chosen yet.</summary>
    ReadOnlySpan<int> BannedEnds => _options.IgnoreEos || _count < _options.MinTokens ? _ends : [];

    /// <summary>The logits after biases, penalties and bans; the logits themselves when there are none.</summary>
    /// <returns>False where a penalised score is no finite float32.</returns>
    bool TryAdjust(ReadOnlySpan<float> logits, out ReadOnlySpan<float> scores)
    {
        scores = logits;
        ReadOnlySpan<int> ends = BannedEnds;
        if (_biases.Length == 0 && _banned.Length == 0 && ends.IsEmpty && _seen.Count == 0 && _answerCounts.Count == 0)
        {
            return true;
        }

        if (_scores.Length != logits.Length)
        {
            _scores = new float[logits.Length];
        }

        logits.CopyTo(_scores);
        bool finite = true;
        foreach ((int id, float bias) in _biases)
        {
            _scores[id] += bias;
            finite &= IsInRange(_scores[id], logits[id]);
        }

        foreach (int id in _seen)
        {
            _scores[id] = _scores[id] > 0 ? _scores[id] / _repetitionPenalty : _scores[id] * _repetitionPenalty;
            finite &= IsInRange(_scores[id], logits[id]);
        }

        foreach ((int id, int count) in _answerCounts)
        {
            _scores[id] -= _options.PresencePenalty + (count * _options.FrequencyPenalty);
            finite &= IsInRange(_scores[id], logits[id]);
        }

        foreach (int id in _banned)
        {
            _scores[id] = float.NegativeInfinity;
        }

        foreach (int id in ends)
        {
            _scores[id] = float.NegativeInfinity;
        }

        scores = _scores;
        return finite;

        static bool IsInRange(float score, float logit) => float.IsFinite(score) || (float.IsNegativeInfinity(score) && float.IsNegativeInfinity(logit));
    }

    /// <summary>The same as doubles: no penalty takes a finite logit out of their range.</summary>
    ReadOnlySpan<double> Widened(ReadOnlySpan<float> logits)
    {
        if (_wideScores.Length != logits.Length)
        {
            _wideScores = new double[logits.Length];
        }

        for (int i = 0; i < logits.Length; i++)
        {
            _wideScores[i] = logits[i];
        }

        foreach ((int id, float bias) in _biases)
        {
            _wideScores[id] += bias;
        }

        foreach (int id in _seen)
        {
            _wideScores[id] = _wideScores[id] > 0 ? _wideScores[id] / _repetitionPenalty : _wideScores[id] * _repetitionPenalty;
        }

        foreach ((int id, int count) in _answerCounts)
        {
            _wideScores[id] -= _options.PresencePenalty + ((double)count * _options.FrequencyPenalty);
        }

        foreach (int id in _banned)
        {
            _wideScores[id] = double.NegativeInfinity;
        }

        foreach (int id in BannedEnds)
        {
            _wideScores[id] = double.NegativeInfinity;
        }

        return _wideScores;
    }

    /// <summary>Draws from the candidates left by top-k, top-p and min-p, with weights <c>exp((s − max) / temperature)</c>.</summary>
    int Draw<T>(ReadOnlySpan<T> scores, double max)
        where T : struct, IBinaryFloatingPointIeee754<T>
    {
        int count = KeepTopK(scores, max, out double total);
        if (_topP < 1f)
        {
            count = KeepTopP(count, ref total);
        }

        if (_minP > 0f)
        {
            count = KeepMinP(count, ref total);
        }

        double target = _random.NextDouble() * total;
        for (int i = 0; i < count - 1; i++)
        {
            target -= _weights[i];
            if (target < 0)
            {
                return _candidates[i];
            }
        }

        return _candidates[count - 1];
    }

    /// <summary>Fills the candidates in the order of their ids; tokens tied with the k-th are kept.</summary>
    int KeepTopK<T>(ReadOnlySpan<T> scores, double max, out double total)
        where T : struct, IBinaryFloatingPointIeee754<T>
    {
        if (_candidates.Length < scores.Length)
        {
            _candidates = new int[scores.Length];
            _weights = new double[scores.Length];
        }

        double threshold = _topK > 0 && _topK < scores.Length ? KthLargest(scores, _topK) : double.NegativeInfinity;
        int count = 0;
        total = 0;
        for (int i = First(_allowed, scores.Length); i < scores.Length; i = After(i, _allowed, scores.Length))
        {
            double score = double.CreateTruncating(scores[i]);
            if (score >= threshold && score != double.NegativeInfinity)
            {
                double weight = Math.Exp(Below(score, max) / _temperature);
                _candidates[count] = i;
                _weights[count++] = weight;
                total += weight;
            }
        }

        return count;
    }

    /// <summary>Keeps, from the most likely down, every candidate before which less than top-p of the whole has been kept.</summary>
    int KeepTopP(int count, ref double total)
    {
        // Candidates below (1 − p) / count of the whole sum to at most 1 − p, so none of them is kept: only the rest is sorted.
        double least = (1 - (double)_topP) * total / count;
        int likely = 0;
        for (int i = 0; i < count; i++)
        {
            if (_weights[i] >= least)
            {
                _candidates[likely] = _candidates[i];
                _weights[likely++] = -_weights[i];
            }
        }

        Array.Sort(_weights, _candidates, 0, likely);
        double kept = 0;
        int n = 0;
        for (; n < likely && (n == 0 || kept < _topP * total); n++)
        {
            _weights[n] = -_weights[n];
            kept += _weights[n];
        }

        total = kept;
        return n;
    }

    int KeepMinP(int count, ref double total)
    {
        double most = 0;
        for (int i = 0; i < count; i++)
        {
            most = Math.Max(most, _weights[i]);
        }

        int n = 0;
        total = 0;
        for (int i = 0; i < count; i++)
        {
            if (_weights[i] >= _minP * most)
            {
                _candidates[n] = _candidates[i];
                _weights[n] = _weights[i];
                total += _weights[n++];
            }
        }

        return n;
    }

    double KthLargest<T>(ReadOnlySpan<T> scores, int k)
        where T : struct, IBinaryFloatingPointIeee754<T>
    {
        _largest.Clear();
        for (int i = First(_allowed, scores.Length); i < scores.Length; i = After(i, _allowed, scores.Length))
        {
            double score = double.CreateTruncating(scores[i]);
            if (_largest.Count < k)
            {
                _largest.Enqueue(score, score);
            }
            else if (score > _largest.Peek())
            {
                _largest.EnqueueDequeue(score, score);
            }
        }

        return _largest.Count < k ? double.NegativeInfinity : _largest.Peek();
    }
}

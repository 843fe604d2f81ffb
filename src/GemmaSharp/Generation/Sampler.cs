namespace GemmaSharp.Generation;

/// <summary>Chooses the next token of one sequence from its logits.</summary>
/// <remarks>
/// Order: penalties, banned tokens, temperature, top-k, top-p, min-p, draw (as transformers does). Holds the sequence's random state and token counts; not thread-safe.
/// </remarks>
sealed class Sampler
{
    readonly GenerationOptions _options;
    readonly float _temperature;
    readonly int _topK;
    readonly float _topP;
    readonly int[] _banned;
    readonly HashSet<int> _seen;
    readonly Dictionary<int, int> _answerCounts = [];
    SeededRandom _random;
    float[] _scores = [];
    int[] _candidates = [];
    double[] _weights = [];
    readonly PriorityQueue<float, float> _largest = new();

    /// <summary>Makes a sampler.</summary>
    /// <param name="options">Validated options with temperature, top-k and top-p resolved.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="promptIds">The prompt, for the repetition penalty.</param>
    /// <param name="banned">Tokens never to choose.</param>
    public Sampler(GenerationOptions options, ulong seed, IEnumerable<int> promptIds, IEnumerable<int> banned)
    {
        _options = options;
        _temperature = options.Temperature ?? 1f;
        _topK = options.TopK ?? 0;
        _topP = options.TopP ?? 1f;
        _banned = [.. banned];
        _seen = options.RepetitionPenalty == 1f ? [] : [.. promptIds];
        _random = new SeededRandom(seed);
    }

    /// <summary>Chooses a token and counts it.</summary>
    /// <param name="logits">Soft-capped logits of the position before, <c>[V]</c>.</param>
    /// <exception cref="GenerationException">No logit is finite, or one is NaN.</exception>
    public int Next(ReadOnlySpan<float> logits)
    {
        ReadOnlySpan<float> scores = Adjusted(logits);
        int best = Argmax(scores);
        int id = _temperature == 0f ? best : Draw(scores, scores[best]);
        if (_options.RepetitionPenalty != 1f)
        {
            _seen.Add(id);
        }

        if (_options.PresencePenalty != 0f || _options.FrequencyPenalty != 0f)
        {
            _answerCounts[id] = _answerCounts.GetValueOrDefault(id) + 1;
        }

        return id;
    }

    /// <summary>Index of the largest value, the lowest on ties.</summary>
    /// <exception cref="GenerationException">A value is NaN or none is above −∞.</exception>
    internal static int Argmax(ReadOnlySpan<float> scores)
    {
        int best = -1;
        float value = float.NegativeInfinity;
        for (int i = 0; i < scores.Length; i++)
        {
            if (scores[i] > value)
            {
                value = scores[i];
                best = i;
            }
            else if (float.IsNaN(scores[i]))
            {
                throw new GenerationException($"The logit of token {i} is not a number, so the weights hold values that are not finite; check the checkpoint with 'gemma verify'.");
            }
        }

        return best >= 0 ? best : throw new GenerationException("Every token has a logit of minus infinity, so none can be chosen; check the checkpoint with 'gemma verify'.");
    }

    /// <summary>Natural log of the softmax of the model's own logits, for the chosen token and the most likely ones.</summary>
    public static (float Chosen, TokenLogprob[] Top) Logprobs(ReadOnlySpan<float> logits, int chosen, int top)
    {
        float max = logits[Argmax(logits)];
        double sum = 0;
        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - (double)max);
        }

        double norm = max + Math.Log(sum);
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
            result[i] = new TokenLogprob(id, (float)(logits[id] - norm));
        }

        return ((float)(logits[chosen] - norm), result);
    }

    /// <summary>The logits after penalties and bans; the logits themselves when there are none.</summary>
    ReadOnlySpan<float> Adjusted(ReadOnlySpan<float> logits)
    {
        if (_banned.Length == 0 && _seen.Count == 0 && _answerCounts.Count == 0)
        {
            return logits;
        }

        if (_scores.Length != logits.Length)
        {
            _scores = new float[logits.Length];
        }

        logits.CopyTo(_scores);
        foreach (int id in _seen)
        {
            _scores[id] = _scores[id] > 0 ? _scores[id] / _options.RepetitionPenalty : _scores[id] * _options.RepetitionPenalty;
        }

        foreach ((int id, int count) in _answerCounts)
        {
            _scores[id] -= _options.PresencePenalty + (count * _options.FrequencyPenalty);
        }

        foreach (int id in _banned)
        {
            _scores[id] = float.NegativeInfinity;
        }

        return _scores;
    }

    /// <summary>Draws from the candidates left by top-k, top-p and min-p, with weights <c>exp((s − max) / temperature)</c>.</summary>
    int Draw(ReadOnlySpan<float> scores, float max)
    {
        int count = KeepTopK(scores, max, out double total);
        if (_topP < 1f)
        {
            count = KeepTopP(count, ref total);
        }

        if (_options.MinP > 0f)
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
    int KeepTopK(ReadOnlySpan<float> scores, float max, out double total)
    {
        if (_candidates.Length < scores.Length)
        {
            _candidates = new int[scores.Length];
            _weights = new double[scores.Length];
        }

        float threshold = _topK > 0 && _topK < scores.Length ? KthLargest(scores, _topK) : float.NegativeInfinity;
        int count = 0;
        total = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            if (scores[i] >= threshold && scores[i] != float.NegativeInfinity)
            {
                double weight = Math.Exp((scores[i] - (double)max) / _temperature);
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
            if (_weights[i] >= _options.MinP * most)
            {
                _candidates[n] = _candidates[i];
                _weights[n] = _weights[i];
                total += _weights[n++];
            }
        }

        return n;
    }

    float KthLargest(ReadOnlySpan<float> scores, int k)
    {
        _largest.Clear();
        foreach (float score in scores)
        {
            if (_largest.Count < k)
            {
                _largest.Enqueue(score, score);
            }
            else if (score > _largest.Peek())
            {
                _largest.EnqueueDequeue(score, score);
            }
        }

        return _largest.Peek();
    }
}

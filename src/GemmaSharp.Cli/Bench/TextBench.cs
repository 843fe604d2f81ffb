using System.Diagnostics;
using GemmaSharp.Generation;
using GemmaSharp.Layers;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Cli.Bench;

/// <summary>Times the language model: a prompt at once, then tokens one by one from an empty context, as llama-bench does.</summary>
/// <remarks>The model is driven as the engine drives it, with the most rows to a step that the engine takes.</remarks>
sealed class TextBench : IDisposable
{
    readonly TextModel _model;
    readonly TextPass _pass;
    readonly TextStep _step = new();
    readonly AdapterSet _adapters;
    readonly CancellationToken _cancellationToken;
    readonly int[] _ids;
    KvCache? _context;
    long _sampling;

    public TextBench(TextModel model, AdapterSet adapters, WorkerTeam team, int longest, CancellationToken cancellationToken)
    {
        _adapters = adapters;
        _model = model;
        _pass = model.NewPass(team);
        _cancellationToken = cancellationToken;

        // Ordinary tokens, spread over the vocabulary so that every row of the tables is as likely to be cached as any other.
        int vocabulary = Math.Min(model.Config.VocabSize, model.Config.VocabSizePerLayerInput);
        _ids = new int[longest];
        for (int i = 0; i < _ids.Length; i++)
        {
            _ids[i] = (int)((WeightRule.U((uint)i) + 0.5) * vocabulary);
        }
    }

    /// <summary>Reads a prompt and finds its first token.</summary>
    public PrefillResult Prefill(int tokens, int repetitions, double bytesPerToken)
    {
        int steps = (tokens + InferenceEngine.MaxStepRows - 1) / InferenceEngine.MaxStepRows;
        return new PrefillResult(
            tokens, Measurement.Take(repetitions, () => Time(cache => Read(cache, tokens)), _cancellationToken),
            2 * TextWork.MultiplyAdds(_model.Config, tokens), steps * bytesPerToken);
    }

    /// <summary>Draws tokens one by one, behind a context that was read before and is not timed.</summary>
    public DecodeResult Decode(int tokens, int context, int repetitions, long bytesPerToken) =>
        new(tokens, context, Measurement.Take(repetitions, () => TimeAnswer(tokens, context), _cancellationToken), bytesPerToken,
            2 * TextWork.MultiplyAdds(_model.Config, 1));

    /// <summary>Reads a prompt, or draws tokens, once more, and says where the time went.</summary>
    public ProfileResult Profile(bool isPrompt, int tokens, int context, double loopSeconds)
    {
        double Run() => isPrompt ? Time(cache => Read(cache, tokens)) : TimeAnswer(tokens, context);
        Run();
        var profile = new PassProfile();
        (_pass.Profile, _sampling) = (profile, 0);
        uint loops = _pass.Team.Loops;
        double seconds = Run();
        loops = _pass.Team.Loops - loops;
        _pass.Profile = null;
        int steps = isPrompt ? (tokens + InferenceEngine.MaxStepRows - 1) / InferenceEngine.MaxStepRows : tokens;
        List<ProfilePart> parts = [.. Enum.GetValues<PassPart>().Select(part => Part(Name(part), profile[part]))];
        parts.Add(new ProfilePart("sampling", Stopwatch.GetElapsedTime(0, _sampling).TotalSeconds / steps, 0, 0));
        parts.Add(new ProfilePart("the rest", Math.Max(0, (seconds / steps) - parts.Sum(part => part.Seconds)), 0, 0));
        return new ProfileResult(
            isPrompt ? "prompt" : "answer", isPrompt ? Math.Min(tokens, InferenceEngine.MaxStepRows) : 1, steps, seconds / steps, (double)loops / steps,
            loopSeconds, [.. parts.Where(part => part.Seconds > 0).OrderByDescending(part => part.Seconds)],
            [.. profile.Products.Select(product => Part(product.Key, product.Value)).OrderByDescending(part => part.Seconds)]);

        ProfilePart Part(string name, PassProfile.Tally tally) => new(name, tally.Seconds / steps, tally.Bytes / steps, tally.Operations / steps);
    }

    /// <summary>Frees the scratch memory.</summary>
    public void Dispose()
    {
        _context?.Dispose();
        _pass.Dispose();
    }

    static string Name(PassPart part) => part switch
    {
        PassPart.Products => "products",
        PassPart.Attention => "attention",
        PassPart.Norms => "norms",
        PassPart.Rope => "rotary embedding",
        PassPart.AltUp => "AltUp",
        PassPart.Elementwise => "row by row",
        PassPart.Embeddings => "embedding tables",
        PassPart.Cache => "key-value cache",
        _ => "logits",
    };

    double Time(Action<KvCache> work)
    {
        using KvCache cache = _model.NewCache(InferenceEngine.MaxStepRows);
        long start = Stopwatch.GetTimestamp();
        work(cache);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    double TimeAnswer(int tokens, int context)
    {
        if (context == 0)
        {
            return Time(cache => Draw(cache, tokens));
        }

        if (_context is null)
        {
            _context = _model.NewCache(InferenceEngine.MaxStepRows);
            Read(_context, context);
        }

        long start = Stopwatch.GetTimestamp();
        Draw(_context, tokens);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        _context.Rewind(context);
        return seconds;
    }

    void Read(KvCache cache, int tokens)
    {
        for (int done = 0; done < tokens;)
        {
            int count = Math.Min(InferenceEngine.MaxStepRows, tokens - done);
            Forward(cache, _ids.AsSpan(done, count), done + count == tokens ? 1 : 0);
            done += count;
        }

        Choose();
    }

    void Draw(KvCache cache, int tokens)
    {
        for (int i = 0; i < tokens; i++)
        {
            Forward(cache, _ids.AsSpan(i, 1), 1);
            Choose();
        }
    }

    void Forward(KvCache cache, ReadOnlySpan<int> ids, int logitsRows)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        _step.Clear();
        _step.Add(cache, ids, logitsRows, adapters: _adapters);
        _model.Forward(_step, _pass);
    }

    void Choose()
    {
        long start = Stopwatch.GetTimestamp();
        _ = Likeliest(_pass.Logits.Span);
        _sampling += Stopwatch.GetTimestamp() - start;
    }

    // Greedy choice belongs to the time of a token.
    static int Likeliest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            best = logits[i] > logits[best] ? i : best;
        }

        return best;
    }
}

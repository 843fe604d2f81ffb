using System.Diagnostics;
using GemmaSharp.Generation;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Cli.Bench;

/// <summary>Times the engine: several conversations at once, and a prompt whose beginning has been computed before.</summary>
sealed class EngineBench : IDisposable
{
    /// <summary>Tokens in which a prompt differs from the one that was computed before.</summary>
    const int Question = 16;

    readonly TextModel _model;
    readonly AdapterSet _adapters;
    readonly InferenceEngine _engine;
    readonly CancellationToken _cancellationToken;
    readonly int _vocabulary;
    int _runs;

    public EngineBench(TextModel model, AdapterSet adapters, WorkerTeam team, CancellationToken cancellationToken)
    {
        _model = model;
        _adapters = adapters;
        _cancellationToken = cancellationToken;
        _vocabulary = Math.Min(model.Config.VocabSize, model.Config.VocabSizePerLayerInput);
        var prefixes = new PrefixPool(model, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);
        _engine = new InferenceEngine(model, team, TimeProvider.System, new Admission(1, 0), prefixes, static () => { });
    }

    /// <summary>Draws tokens in several conversations at once, each from an empty context.</summary>
    public ConversationsResult Conversations(int count, int tokens, int repetitions) => new(count, tokens, Measurement.Take(repetitions, () =>
    {
        int run = _runs++;
        BenchAnswer[] answers = [.. Enumerable.Range(0, count).Select(i => New([i], tokens, FormattableString.Invariant($"{run}.{i}")))];
        long start = Stopwatch.GetTimestamp();
        return Run(answers).Max(end => Stopwatch.GetElapsedTime(start, end).TotalSeconds);
    }, _cancellationToken));

    /// <summary>Reads a prompt, and then others that are the same but for the last tokens.</summary>
    public PrefixResult Prefix(int tokens, int repetitions)
    {
        Measurement cold = Measurement.Take(repetitions, () => First(Ids(tokens, _runs++)), _cancellationToken);
        int[] known = Ids(tokens, _runs++);
        First(known);
        Measurement hit = Measurement.Take(repetitions, () => First([.. known[..^Math.Min(Question, tokens)], .. Ids(Math.Min(Question, tokens), _runs++)]),
            _cancellationToken);
        return new PrefixResult(tokens, cold, hit);
    }

    /// <summary>Ends the engine, and frees its scratch memory and caches.</summary>
    public void Dispose() => _engine.Dispose();

    double First(int[] ids)
    {
        long start = Stopwatch.GetTimestamp();
        return Stopwatch.GetElapsedTime(start, Run(New(ids, tokens: 1, tenant: null))[0]).TotalSeconds;
    }

    long[] Run(params BenchAnswer[] answers)
    {
        foreach (BenchAnswer answer in answers)
        {
            answer.StopOn(_cancellationToken);
            _engine.Submit(answer);
        }

        return Task.WhenAll(answers.Select(answer => answer.Drawn)).GetAwaiter().GetResult();
    }

    // Ordinary tokens, spread over the vocabulary, others in each run.
    int[] Ids(int count, int run) => [.. Enumerable.Range(0, count).Select(i => (int)((WeightRule.U((uint)(i + (run * 100_003))) + 0.5) * _vocabulary))];

    BenchAnswer New(int[] ids, int tokens, string? tenant) =>
        new(new PooledSequence(_engine.Prefixes, tenant, _adapters), new EncodedPrompt(ids), tokens, _model.Config.MaxPositionEmbeddings);

    /// <summary>The likeliest tokens after a prompt; nobody reads them.</summary>
    sealed class BenchAnswer(PooledSequence place, EncodedPrompt prompt, int tokens, int context) : Work
    {
        readonly TaskCompletionSource<long> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>When its last token was drawn.</summary>
        public Task<long> Drawn => _end.Task;

        public override SequenceState? Sequence => place.Sequence;

        protected override IEnumerable<Feed> Run()
        {
            while (!place.TryEnter(new PromptSource(prompt), Math.Min(context, prompt.Ids.Length + tokens), othersEnd: false))
            {
                yield return Feed.Pause;
            }

            foreach (Feed feed in place.Begin(prompt))
            {
                yield return feed;
            }

            while (Sequence!.Length < prompt.Ids.Length)
            {
                yield return Feed.RestOf(prompt);
                place.Advanced();
            }

            int[] row = [Sampler.Argmax(Logits)];
            for (int i = 1; i < tokens; i++)
            {
                yield return Feed.Tokens(row);
                row[0] = Sampler.Argmax(Logits);
            }
        }

        protected override void Complete(Exception? error)
        {
            long now = Stopwatch.GetTimestamp();
            place.Leave();
            if (error is null)
            {
                _end.SetResult(now);
            }
            else
            {
                _end.SetException(error);
            }
        }
    }
}

using System.Diagnostics;
using GemmaSharp.Configuration;
using GemmaSharp.Generation;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Cli.Bench;

/// <summary>Times the engine: several conversations at once, a prompt whose beginning has been computed before, an answer that keeps a form.</summary>
sealed partial class EngineBench : IDisposable
{
    /// <summary>Tokens in which a prompt differs from the one that was computed before.</summary>
    const int Question = 16;

    const string Schema = """
        {"type":"object","properties":{"title":{"type":"string"},"author":{"type":"string"},"year":{"type":"integer"},"available":{"type":"boolean"},
        "language":{"enum":["English","French","Spanish"]},"shelf":{"type":"object","properties":{"room":{"type":"string"},"number":{"type":"integer"}},
        "required":["room","number"],"additionalProperties":false}},
        "required":["title","author","year","available","language","shelf"],"additionalProperties":false}
        """;

    const string Answer = """
        {"title":"The Time Machine","author":"H. G. Wells","year":1895,"available":true,"language":"English","shelf":{"room":"north","number":12}}
        """;

    readonly TextModel _model;
    readonly AdapterSet _adapters;
    readonly InferenceEngine _engine;
    readonly CancellationToken _cancellationToken;
    readonly int _vocabulary;
    readonly double _bytesPerToken, _operationsPerToken;
    int _runs;

    public EngineBench(TextModel model, AdapterSet adapters, WorkerTeam team, double bytesPerToken, CancellationToken cancellationToken)
    {
        _model = model;
        _bytesPerToken = bytesPerToken;
        _operationsPerToken = 2 * TextWork.MultiplyAdds(model.Config, 1);
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
    }, _cancellationToken), count * tokens * _operationsPerToken, tokens * _bytesPerToken);

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

    /// <summary>Writes a JSON object of a schema: freely, by the masks of the schema, and with what must follow fed without being drawn.</summary>
    /// <remarks>The tokens are the same each time, whatever the model would draw, so that nothing but the way differs.</remarks>
    public ConstrainedResult Constrained(Tokenizer tokenizer, int repetitions)
    {
        var form = Constraint.JsonSchema(Schema, new JsonSchemaOptions { PropertyOrder = JsonPropertyOrder.Declared });
        TokenTrie trie = TokenTrie.For(tokenizer, _model.Config.VocabSize);
        int[] script = tokenizer.EncodeToIds(Answer, allowSpecial: false);
        int forced = 0;
        return new ConstrainedResult(script.Length, Time(null, false), Time(form, false), Time(form, true), forced);

        Measurement Time(Constraint? constraint, bool skips) => Measurement.Take(repetitions, () =>
        {
            var place = new PooledSequence(_engine.Prefixes, FormattableString.Invariant($"form {_runs++}"), _adapters);
            var answer = new ScriptedAnswer(
                place, new EncodedPrompt(Ids(Question, _runs)), script, constraint is null ? null : new Matcher(constraint.Compiled, trie),
                text => tokenizer.EncodeToIds(text, allowSpecial: false), skips, _model.Config);
            long start = Stopwatch.GetTimestamp();
            double seconds = Stopwatch.GetElapsedTime(start, Run(answer)[0]).TotalSeconds;
            forced = answer.Forced;
            return seconds;
        }, _cancellationToken);
    }

    /// <summary>Ends the engine, and frees its scratch memory and caches.</summary>
    public void Dispose() => _engine.Dispose();

    double First(int[] ids)
    {
        long start = Stopwatch.GetTimestamp();
        return Stopwatch.GetElapsedTime(start, Run(New(ids, tokens: 1, tenant: null))[0]).TotalSeconds;
    }

    long[] Run(params TimedAnswer[] answers)
    {
        foreach (TimedAnswer answer in answers)
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

    /// <summary>An answer that nobody reads.</summary>
    abstract class TimedAnswer(PooledSequence place, EncodedPrompt prompt, int context) : Work
    {
        readonly TaskCompletionSource<long> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>When its last token was drawn.</summary>
        public Task<long> Drawn => _end.Task;

        public override SequenceState? Sequence => place.Sequence;

        protected override IEnumerable<Feed> Run()
        {
            while (!place.TryEnter(new PromptSource(prompt), context, othersEnd: false))
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

            foreach (Feed feed in Draw())
            {
                yield return feed;
            }
        }

        /// <summary>What comes after the prompt.</summary>
        protected abstract IEnumerable<Feed> Draw();

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

    /// <summary>The likeliest tokens after a prompt.</summary>
    sealed class BenchAnswer(PooledSequence place, EncodedPrompt prompt, int tokens, int context)
        : TimedAnswer(place, prompt, Math.Min(context, prompt.Ids.Length + tokens))
    {
        protected override IEnumerable<Feed> Draw()
        {
            int[] row = [Sampler.Argmax(Logits)];
            for (int i = 1; i < tokens; i++)
            {
                yield return Feed.Tokens(row);
                row[0] = Sampler.Argmax(Logits);
            }
        }
    }

    /// <summary>Given tokens, with all the work of drawing them.</summary>
    sealed class ScriptedAnswer(
        PooledSequence place, EncodedPrompt prompt, int[] script, Matcher? form, Func<string, int[]> encode, bool skips, TextConfig config)
        : TimedAnswer(place, prompt, prompt.Ids.Length + script.Length)
    {
        readonly Sampler _sampler = new(new GenerationOptions { Temperature = 1, TopK = 64, TopP = 0.95f }, 1, [], []);
        readonly TokenMask _mask = new(config.VocabSize);
        readonly List<int> _forced = [];

        /// <summary>Tokens that were not drawn.</summary>
        public int Forced { get; private set; }

        protected override IEnumerable<Feed> Draw()
        {
            for (int at = 0; at < script.Length;)
            {
                int count = Skip(at);
                if (count == 0)
                {
                    form?.ComputeMask(_mask);
                    _ = _sampler.Choose(Logits, form is null ? null : _mask);
                    form?.TryAdvance(script[at]);
                    count = 1 + Skip(at + 1);
                }

                for (int end = at + count; at < end;)
                {
                    int rows = Math.Min(end - at, Feed.MostTokens);
                    yield return Feed.Tokens(script.AsMemory(at, rows));
                    at += rows;
                }
            }
        }

        /// <summary>How many of the next tokens must follow, as far as they are the script's.</summary>
        int Skip(int at)
        {
            if (form is null || !skips)
            {
                return 0;
            }

            _forced.Clear();
            form.ForcedTokens(encode, _forced);
            int count = 0;
            while (count < _forced.Count && at + count < script.Length && _forced[count] == script[at + count])
            {
                form.TryAdvance(_forced[count++]);
            }

            Forced += count;
            return count;
        }
    }
}

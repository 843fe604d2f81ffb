using GemmaSharp.Generation;
using GemmaSharp.Model.Text;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Generation;

/// <summary>A loaded tiny-a, with ways to look into its engine and to make it fail.</summary>
sealed class TinyModel : IDisposable
{
    /// <summary>No drawing of ends, so that an answer has as many tokens as it may.</summary>
    public static readonly GenerationOptions Draw = new() { Temperature = 1.2f, TopK = 0, TopP = 1, Seed = 5, MaxTokens = 12, IgnoreEos = true };

    readonly TinyCheckpoint _files = TinyCheckpoint.Create("tiny-a");

    public TinyModel(int threads = 1, TimeProvider? clock = null, Func<GemmaModelOptions, GemmaModelOptions>? options = null)
    {
        // Guesses change which steps there are, and never what comes of them: tests that count steps are without, unless they ask.
        var plain = new GemmaModelOptions { Threads = threads, Clock = clock ?? TimeProvider.System, Speculation = 0 };
        Model = GemmaModel.Load(_files.Folder, options is null ? plain : options(plain));
    }

    public GemmaModel Model { get; }

    public string Folder => _files.Folder;

    public InferenceEngine Engine => Model.Engine;

    /// <summary>A prompt of ordinary tokens, another for each number.</summary>
    public static EncodedPrompt Prompt(int number, int length = 9) => new(Ids(number, length));

    /// <summary>The ids of <see cref="Prompt"/>: 2, then from 1000 to 1989.</summary>
    public static int[] Ids(int number, int length) => [2, .. Enumerable.Range(1, length - 1).Select(i => 1000 + (((number * 131) + (i * 37)) % 990))];

    public static async Task<int[]> Read(IAsyncEnumerable<GeneratedToken> answer)
    {
        var ids = new List<int>();
        await foreach (GeneratedToken token in answer)
        {
            ids.Add(token.Id);
        }

        return [.. ids];
    }

    /// <summary>What a session of its own draws.</summary>
    public async Task<int[]> Alone(int number, GenerationOptions? options = null, int length = 9)
    {
        using GemmaSession session = Model.NewSession();
        return await Read(session.GenerateAsync(Prompt(number, length), options ?? Draw));
    }

    /// <summary>Puts something around every step.</summary>
    public void Around(Action<TextStep, Action<TextStep>> step)
    {
        Action<TextStep> inner = Engine.Forward;
        Engine.Forward = s => step(s, inner);
    }

    /// <summary>Keeps the engine busy until the result is disposed, so that what is asked for meanwhile begins together.</summary>
    public IDisposable Hold()
    {
        var hold = new Holding();
        _ = Engine.Submit<object>(_ => hold.Wait(), CancellationToken.None);
        hold.Entered.Wait();
        return hold;
    }

    public static RgbImage Picture(int number = 0) => new(16, 12, [.. Enumerable.Range(0, 16 * 12 * 3).Select(i => (byte)((i * 37) + number))]);

    public static AudioClip Clip(int number = 0) => new([.. Enumerable.Range(0, 8000).Select(i => 0.3f * MathF.Sin((i + number) * 0.05f))], 16000);

    public void Dispose()
    {
        Model.Dispose();
        _files.Dispose();
    }

    sealed class Holding : IDisposable
    {
        readonly ManualResetEventSlim _gate = new();

        public ManualResetEventSlim Entered { get; } = new();

        public IEnumerable<object?> Wait()
        {
            Entered.Set();
            _gate.Wait();
            yield return this;
        }

        public void Dispose() => _gate.Set();
    }
}

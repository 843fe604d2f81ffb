using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Forecast;

/// <summary>What a checkpoint takes once it is loaded and computes, found out from its headers.</summary>
/// <remarks>
/// Weights are counted by their stored form. Scratch memory is counted by a rehearsal: the model's own code runs, on matrices without values and with a team
/// that does no job, and takes the memory that it would take, which is then never touched. So there is no second account that could differ. Not thread-safe.
/// </remarks>
sealed class MemoryForecast : IDisposable
{
    /// <summary>Ids of a step that is only rehearsed; any will do.</summary>
    const int AnyId = 0;

    readonly Gemma3nConfig _config;
    readonly ProcessorConfig _processor;
    readonly ModelParts _parts;
    readonly WorkerTeam _team;
    readonly KernelScratch _kernels;
    readonly int _guesses;
    readonly Dictionary<(int Rows, int LogitsRows), long> _steps = [];
    readonly Dictionary<int, long> _pictures = [];
    long? _sound;

    /// <summary>Builds the model of outlines.</summary>
    /// <param name="checkpoint">Opened for its headers only, with the kind of products that will be used.</param>
    /// <param name="processor">How pictures and sound are prepared.</param>
    /// <param name="vision">Whether the vision tower is wanted.</param>
    /// <param name="audio">Whether the audio tower is wanted.</param>
    /// <param name="threads">Threads that will compute.</param>
    /// <param name="cacheType">How keys and values will be stored.</param>
    /// <param name="guesses">The most guesses of an answer in a step.</param>
    /// <exception cref="CheckpointException">The checkpoint could not be loaded.</exception>
    public MemoryForecast(
        Checkpoint checkpoint, ProcessorConfig processor, bool vision, bool audio, int threads, CacheType cacheType = CacheType.F32, int guesses = 0)
    {
        (_config, _processor, _guesses) = (checkpoint.Config, processor, guesses);
        _team = WorkerTeam.Rehearsing(threads);
        OutlineParameters outlines = checkpoint.NewOutlines();
        _parts = ModelParts.Build(new ParameterScope(outlines, ""), _config, vision, audio, cacheType);
        checkpoint.Report().ThrowIfErrors();
        outlines.Linears.PrepareProducts(_team);
        Vision = WeightMemory.Of(outlines, IsVision, isTower: true);
        Audio = WeightMemory.Of(outlines, IsAudio, isTower: true);
        Text = WeightMemory.Of(outlines, path => !IsVision(path) && !IsAudio(path), isTower: false);
        _kernels = KernelScratch.Of(outlines, threads);
    }

    /// <summary>The language model's weights, and those of the vocabularies of pictures and sound.</summary>
    public WeightMemory Text { get; }

    /// <summary>The vision tower's weights.</summary>
    public WeightMemory Vision { get; }

    /// <summary>The audio tower's weights.</summary>
    public WeightMemory Audio { get; }

    /// <summary>Whether there is a vision tower.</summary>
    public bool Sees => _parts is { Vision: not null, EmbedVision: not null };

    /// <summary>Whether there is an audio tower.</summary>
    public bool Hears => _parts is { Audio: not null, EmbedAudio: not null };

    /// <summary>The longer side to which pictures are brought where nothing else is asked for.</summary>
    public int Side => Math.Max(_processor.ImageProcessor.Height, _processor.ImageProcessor.Width);

    /// <summary>Bytes of scratch that steps take.</summary>
    /// <param name="rows">Rows of the largest.</param>
    /// <param name="answers">Answers that draw tokens in it, each from a row of logits for the next one and for each guess of those that follow.</param>
    /// <param name="context">Tokens of the longest conversation, which attention scores.</param>
    public long Step(int rows, int answers, int context) =>
        StepPass(rows, answers) + _kernels.Step(rows) + Attention.ScoreBytes(_config.TextConfig, context, _team.Threads) + Drawing(answers);

    /// <summary>A prompt and what is drawn share a step only where there are several answers.</summary>
    long StepPass(int rows, int answers) => answers == 1
        ? Math.Max(Once(_steps, (rows, 1), RehearseStep), Once(_steps, (1 + _guesses, 1 + _guesses), RehearseStep))
        : Once(_steps, (rows, Math.Min(rows, answers * (1 + _guesses))), RehearseStep);

    /// <summary>Bytes of a step's pass.</summary>
    internal long RehearseStep((int Rows, int LogitsRows) most)
    {
        (int rows, int logitsRows) = most;
        using TextPass pass = _parts.Text.NewPass(_team);
        using KvCache cache = _parts.Text.NewCache(rows);
        var step = new TextStep();
        int[] ids = new int[rows];
        Array.Fill(ids, AnyId);

        // Memory that grew in parts is put together by the step after.
        foreach (int count in (ReadOnlySpan<int>)[rows, 1])
        {
            step.Clear();
            step.Add(cache, ids.AsSpan(0, count), count == 1 ? 1 : Math.Min(logitsRows, count));
            _parts.Text.Forward(step, pass);
        }

        return pass.Bytes;
    }

    /// <summary>Bytes of keys and values of one conversation.</summary>
    /// <param name="tokens">Its tokens.</param>
    /// <param name="stepRows">The most rows of a step.</param>
    public long Conversation(int tokens, int stepRows)
    {
        using KvCache cache = _parts.Text.NewCache(stepRows);
        return cache.MostBytes(tokens);
    }

    /// <summary>Bytes that encoding a picture takes meanwhile; 0 without a vision tower.</summary>
    /// <param name="side">Its side in pixels; null for the checkpoint's own.</param>
    public long Picture(int? side)
    {
        if (!Sees)
        {
            return 0;
        }

        // The picture itself, its resized copy in bytes, and as float32; features, and their places in the prompt.
        long pixels = 3L * (side ?? Side) * (side ?? Side), features = (long)_parts.Vision!.TokensPerImage * _parts.Vision.HiddenSize;
        return Once(_pictures, side ?? Side, RehearsePicture) + sizeof(float) * (pixels + features) + 2 * pixels + _kernels.Picture;
    }

    /// <summary>Bytes that encoding half a minute of sound takes meanwhile; 0 without an audio tower.</summary>
    public long Sound()
    {
        if (!Hears)
        {
            return 0;
        }

        int frames = new LogMelSpectrogram(_processor.FeatureExtractor).FrameCount(LogMelSpectrogram.MaxSamples), rows = _parts.Audio!.OutputFrames(frames);
        long values = ((long)frames * _parts.Audio.Bands) + ((long)rows * _parts.Audio.Width) + (2L * LogMelSpectrogram.MaxSamples);
        return (_sound ??= RehearseSound(frames)) + sizeof(float) * values + _kernels.Step(rows);
    }

    /// <summary>Bytes of a picture's pass.</summary>
    internal long RehearsePicture(int side)
    {
        float[] pixels = new float[3 * side * side];
        float[] features = new float[_parts.Vision!.TokensPerImage * _parts.Vision.HiddenSize];
        using var p = new Pass(_team);
        long most = Most(p, _parts.Vision.Encode(pixels, side, side, features, p));
        _ = _parts.EmbedVision!.Soft(p.Copy(features, _parts.Vision.HiddenSize), p);

        return Math.Max(most, p.Bytes);
    }

    /// <summary>Bytes of a clip's pass.</summary>
    internal long RehearseSound(int frames)
    {
        float[] mel = new float[frames * _parts.Audio!.Bands];
        float[] features = new float[_parts.Audio.OutputFrames(frames) * _parts.Audio.Width];
        using var p = new Pass(_team);
        long most = Most(p, _parts.Audio.Encode(mel, frames, [frames], features, p));
        _ = _parts.EmbedAudio!.Soft(p.Copy(features, _parts.Audio.Width), p);
        return Math.Max(most, p.Bytes);
    }

    /// <summary>Bytes of what is kept of an encoded picture or clip, of the larger of the two.</summary>
    public long Encoding => sizeof(float) * (long)_config.TextConfig.HiddenSize
        * Math.Max(Sees ? _config.VisionSoftTokensPerImage : 0, Hears ? _config.AudioSoftTokensPerImage : 0);

    /// <inheritdoc/>
    public void Dispose() => _team.Dispose();

    /// <summary>What drawing from the whole vocabulary takes: candidates, their weights and changed scores, for each answer.</summary>
    long Drawing(int answers) => (long)answers * _config.TextConfig.VocabSize * (sizeof(int) + sizeof(double));

    static long Once<TKey>(Dictionary<TKey, long> known, TKey key, Func<TKey, long> rehearse)
        where TKey : notnull =>
        known.TryGetValue(key, out long bytes) ? bytes : known[key] = rehearse(key);

    static long Most(Pass p, IEnumerable<int> pieces)
    {
        long most = 0;
        foreach (int _ in pieces)
        {
            most = Math.Max(most, p.Bytes);
        }

        return most;
    }

    static bool IsVision(string path) => path.StartsWith("vision_tower", StringComparison.Ordinal);

    static bool IsAudio(string path) => path.StartsWith("audio_tower", StringComparison.Ordinal);
}

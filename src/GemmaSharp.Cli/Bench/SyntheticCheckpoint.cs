using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model;
using GemmaSharp.Model.Audio;
using GemmaSharp.Model.Text;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Cli.Bench;

/// <summary>A checkpoint of real shapes in memory, its bfloat16 weights made by the <see cref="WeightRule"/>: to measure speed without a download.</summary>
static class SyntheticCheckpoint
{
    const int Alignment = 64;

    /// <summary>Fills the memory and opens it as a checkpoint; E2B's text takes 9 GB in bfloat16 and some seconds.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="config">The model; towers without a configuration are left out.</param>
    /// <param name="seed">Another seed gives other weights.</param>
    /// <param name="team">Threads that fill.</param>
    /// <param name="recipe">Which modules are quantised, with random codes and scales of the rule's range; <see langword="null"/> for none.</param>
    /// <param name="options">How it is opened: the smaller model inside, the kind of products; <see langword="null"/> for all of it, exactly.</param>
    /// <param name="cancellationToken">Stops filling.</param>
    /// <exception cref="OutOfMemoryException">The machine has no such amount of memory.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="SliceException">The model has no such slice.</exception>
    public static Checkpoint Create(
        string name, Gemma3nConfig config, int seed, WorkerTeam team, QuantizationRecipe? recipe = null, CheckpointOptions? options = null,
            CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(team);
        options ??= new CheckpointOptions();
        options.Slice?.Kept(config.TextConfig);
        var tensors = new List<SyntheticTensor>();
        long offset = 0;
        foreach (ParameterRequest request in Requests(name, config))
        {
            QuantizationFormat? format = request.ModuleType is "Linear" or "Embedding"
                ? recipe?.For(request.ModulePath, config.TextConfig.NumHiddenLayers)
                : null;
            foreach (SyntheticTensor tensor in format?.Fits(request.Shape[1]) == true
                ? SyntheticTensor.Quantized(request, format)
                : [SyntheticTensor.Dense(request)])
            {
                tensors.Add(tensor.At(offset));
                offset = (offset + tensor.Entry.Length + Alignment - 1) / Alignment * Alignment;
            }
        }

        NativeBlock block = NativeBlock.Allocate(offset);
        try
        {
            var job = new FillJob(block, tensors, seed, cancellationToken);
            team.Run(ref job, job.Pieces);
            cancellationToken.ThrowIfCancellationRequested();
        }
        catch
        {
            block.Dispose();
            throw;
        }

        // What is optional is left out, such as the stem's bias, whose absence elsewhere means old weights.
        return Checkpoint.InMemory(
            name, config, CheckpointContents.InMemory(SafetensorsFile.InMemory("weights in memory", tensors.Select(tensor => tensor.Entry), block)),
            options with { VisionWeights = VisionWeights.AsIs });
    }

    /// <summary>What a model of this configuration asks for, found out by building one on nothing.</summary>
    static ParameterRequest[] Requests(string name, Gemma3nConfig config)
    {
        using Checkpoint nothing = Checkpoint.InMemory(name, config, CheckpointContents.InMemory(), new CheckpointOptions { HeadersOnly = true });
        ParameterScope root = nothing.Root;
        int hidden = config.TextConfig.HiddenSize;
        _ = new TextModel(root, config.TextConfig);
        if (config.VisionConfig is VisionConfig v)
        {
            _ = new VisionTower(root["vision_tower"], v);
            _ = new MultimodalEmbedder(root["embed_vision"], v.HiddenSize, hidden, v.VocabSize, v.VocabOffset, v.RmsNormEps);
        }

        if (config.AudioConfig is AudioConfig a)
        {
            _ = new AudioTower(root["audio_tower"], a);
            _ = new MultimodalEmbedder(root["embed_audio"], a.HiddenSize, hidden, a.VocabSize, a.VocabOffset, a.RmsNormEps);
        }

        return [.. nothing.Requests.DistinctBy(request => request.Tensor)];
    }

    /// <summary>Fills pieces of all tensors, which are numbered through.</summary>
    readonly struct FillJob : IParallelJob
    {
        readonly NativeBlock _block;
        readonly List<SyntheticTensor> _tensors;
        readonly int[] _firstPiece;
        readonly int _seed;
        readonly CancellationToken _cancellationToken;

        public FillJob(NativeBlock block, List<SyntheticTensor> tensors, int seed, CancellationToken cancellationToken)
        {
            _block = block;
            _tensors = tensors;
            _seed = seed;
            _cancellationToken = cancellationToken;
            _firstPiece = new int[tensors.Count];
            for (int i = 0; i < tensors.Count; i++)
            {
                _firstPiece[i] = Pieces;
                Pieces += (int)((tensors[i].Entry.Length + SyntheticTensor.PieceBytes - 1) / SyntheticTensor.PieceBytes);
            }
        }

        public int Pieces { get; }

        public void Run(int first, int last)
        {
            for (int piece = first; piece < last && !_cancellationToken.IsCancellationRequested; piece++)
            {
                int index = Array.BinarySearch(_firstPiece, piece);
                index = index >= 0 ? index : ~index - 1;
                SyntheticTensor tensor = _tensors[index];
                long start = (long)(piece - _firstPiece[index]) * SyntheticTensor.PieceBytes;
                int count = (int)Math.Min(SyntheticTensor.PieceBytes, tensor.Entry.Length - start);
                tensor.Fill(start, _block.Write(tensor.Entry.Offset + start, count), _seed);
            }
        }
    }
}

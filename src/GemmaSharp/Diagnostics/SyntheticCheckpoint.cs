using System.Runtime.InteropServices;
using GemmaSharp.Audio;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.MatFormer;
using GemmaSharp.Multimodal;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Text;
using GemmaSharp.Vision;

namespace GemmaSharp.Diagnostics;

/// <summary>A checkpoint of real shapes in memory, its bfloat16 weights made by the <see cref="WeightRule"/>: to measure speed without a download.</summary>
public static class SyntheticCheckpoint
{
    /// <summary>Elements a thread fills at a time.</summary>
    const int Piece = 1 << 20;
    const int Alignment = 64;

    /// <summary>Fills the memory and opens it as a checkpoint; E2B's text takes 9 GB and some seconds.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="config">The model; towers without a configuration are left out.</param>
    /// <param name="seed">Another seed gives other weights.</param>
    /// <param name="team">Threads that fill.</param>
    /// <param name="slice">The smaller model inside that is opened; <see langword="null"/> for all of it.</param>
    /// <param name="cancellationToken">Stops filling.</param>
    /// <exception cref="OutOfMemoryException">The machine has no such amount of memory.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="SliceException">The model has no such slice.</exception>
    public static Checkpoint Create(
        string name, Gemma3nConfig config, int seed, WorkerTeam team, MatFormerSlice? slice = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(team);
        slice?.Kept(config.TextConfig);
        var entries = new List<SafetensorsEntry>();
        long offset = 0;
        foreach (ParameterRequest request in Requests(name, config))
        {
            long length = request.Shape.Aggregate((long)sizeof(ushort), (size, axis) => checked(size * axis));
            entries.Add(new SafetensorsEntry(TensorNames.HuggingFace(request.Tensor), ElementType.BF16, request.Shape, offset, length));
            offset = (offset + length + Alignment - 1) / Alignment * Alignment;
        }

        NativeBlock block = NativeBlock.Allocate(offset);
        try
        {
            var job = new FillJob(block, entries, seed, cancellationToken);
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
            name, config, CheckpointContents.InMemory(SafetensorsFile.InMemory("weights in memory", entries, block)),
            new CheckpointOptions { VisionWeights = VisionWeights.AsIs, Slice = slice });
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
        readonly IReadOnlyList<SafetensorsEntry> _entries;
        readonly int[] _firstPiece;
        readonly int _seed;
        readonly CancellationToken _cancellationToken;

        public FillJob(NativeBlock block, IReadOnlyList<SafetensorsEntry> entries, int seed, CancellationToken cancellationToken)
        {
            _block = block;
            _entries = entries;
            _seed = seed;
            _cancellationToken = cancellationToken;
            _firstPiece = new int[entries.Count];
            for (int i = 0; i < entries.Count; i++)
            {
                _firstPiece[i] = Pieces;
                Pieces += (int)((entries[i].Length / sizeof(ushort) + Piece - 1) / Piece);
            }
        }

        public int Pieces { get; }

        public void Run(int first, int last)
        {
            for (int piece = first; piece < last && !_cancellationToken.IsCancellationRequested; piece++)
            {
                int index = Array.BinarySearch(_firstPiece, piece);
                index = index >= 0 ? index : ~index - 1;
                SafetensorsEntry entry = _entries[index];
                long start = (long)(piece - _firstPiece[index]) * Piece;
                int count = (int)Math.Min(Piece, (entry.Length / sizeof(ushort)) - start);
                Span<byte> bytes = _block.Write(entry.Offset + (start * sizeof(ushort)), count * sizeof(ushort));
                WeightRule.Fill(entry.Name, [.. entry.Shape], _seed, start, MemoryMarshal.Cast<byte, ushort>(bytes));
            }
        }
    }
}

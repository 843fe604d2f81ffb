using GemmaSharp.Layers;
using GemmaSharp.Model.Vision;
using Microsoft.Extensions.Logging;

namespace GemmaSharp;

/// <summary>How a model is loaded. Immutable; change a copy with <c>with</c>.</summary>
public sealed record GemmaModelOptions
{
    /// <summary>Threads that compute, 1 or more; null: one for each processor the process may use.</summary>
    public int? Threads { get; init; }

    /// <summary>The most tokens of a conversation, at most the checkpoint's own limit, which null stands for.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Whether the vision tower is loaded, where the checkpoint has one.</summary>
    public bool Vision { get; init; } = true;

    /// <summary>Whether the audio tower is loaded, where the checkpoint has one.</summary>
    public bool Audio { get; init; } = true;

    /// <summary>Side in pixels to which pictures are brought; null: as the checkpoint's processor says. The model was trained on 256, 512 and 768.</summary>
    public int? ImageSize { get; init; }

    /// <summary>Which generation the vision weights are of, where the checkpoint does not tell by itself.</summary>
    public VisionWeights VisionWeights { get; init; } = VisionWeights.Auto;

    /// <summary>The smaller model inside an E4B checkpoint that is loaded, read in place; null: all of it.</summary>
    public MatFormerSlice? Slice { get; init; }

    /// <summary>The file with the towers of a GGUF model (mmproj); null: the one beside the model's file, if there is one.</summary>
    public string? Projector { get; init; }

    /// <summary>
    /// Whether quantised matrices multiply with float32 activations, as the reference does with the dequantised weights. Otherwise activations are rounded
    /// to integers per group of weights, which is several times as fast, and those of the published towers to bfloat16 where the processor multiplies such
    /// numbers, twice as fast; see docs/quantisation.md for what that costs. Dense matrices of the text model are always exact.
    /// </summary>
    public bool Exact { get; init; }

    /// <summary>The fewest weights of a tower that rounds activations; 0 measures what that costs small ones.</summary>
    internal long LeastReducedWeights { get; init; } = ReducedProducts.LeastWorthwhile;

    /// <summary>How keys and values of conversations are stored; float32 unless told otherwise.</summary>
    public CacheType CacheType { get; init; }

    /// <summary>How many answers are computed side by side, sessions' included, 1 or more; those that come later wait.</summary>
    public int MaxActive { get; init; } = 32;

    /// <summary>How many answers may wait, 0 or more; those that come later are refused with an <see cref="OverloadedException"/>.</summary>
    public int MaxQueued { get; init; } = 256;

    /// <summary>
    /// Bytes of keys and values that answers outside sessions may need together, 1 or more; what they do not need keeps prefixes of earlier ones. An answer
    /// that does not fit beside the others waits. Null: a quarter of the machine's memory. A session's cache is its owner's and not counted.
    /// </summary>
    public long? CacheBytes { get; init; }

    /// <summary>
    /// Bytes that the process may have in memory because of the model, its runtime included, 1 or more. Context length, rows of a step, the side of pictures,
    /// what is kept of encoded ones, <see cref="MaxActive"/> and <see cref="CacheBytes"/> are then chosen so that it suffices for one conversation in a session
    /// or for answers outside sessions; those that are given are kept, <see cref="MaxActive"/> as a limit. Null: as much as it takes. See
    /// <see cref="GemmaModel.EstimateMemory"/>.
    /// </summary>
    public long? Memory { get; init; }

    /// <summary>The <see cref="GenerationOptions.Speculation"/> of answers that leave it open; null: as many guesses as are measured to pay.</summary>
    public int? Speculation { get; init; }

    /// <summary>What the model is asked with unless a request says otherwise; null: what the checkpoint recommends.</summary>
    public ModelDefaults? Defaults { get; init; }

    /// <summary>Where loading and warnings are logged.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>Measures how long steps take; for tests.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    internal void Validate()
    {
        Defaults?.Validate();
        if (Threads is < 1 or > 1024)
        {
            throw new ArgumentException($"{nameof(Threads)} is {Threads}; it must be from 1 to 1024.", nameof(Threads));
        }

        if (ContextLength is < 1)
        {
            throw new ArgumentException($"{nameof(ContextLength)} is {ContextLength}; it must be 1 or more.", nameof(ContextLength));
        }

        if (MaxActive < 1)
        {
            throw new ArgumentException($"{nameof(MaxActive)} is {MaxActive}; it must be 1 or more.", nameof(MaxActive));
        }

        if (MaxQueued < 0)
        {
            throw new ArgumentException($"{nameof(MaxQueued)} is {MaxQueued}; it must be 0 or more.", nameof(MaxQueued));
        }

        if (CacheBytes is < 1)
        {
            throw new ArgumentException($"{nameof(CacheBytes)} is {CacheBytes}; it must be 1 or more.", nameof(CacheBytes));
        }

        if (Memory is < 1)
        {
            throw new ArgumentException($"{nameof(Memory)} is {Memory}; it must be 1 or more.", nameof(Memory));
        }

        if (Speculation is < 0 or > GenerationOptions.MaxSpeculation)
        {
            throw new ArgumentException(
                $"{nameof(Speculation)} is {Speculation}; it must be from 0 (off) to {GenerationOptions.MaxSpeculation}.", nameof(Speculation));
        }

        if (ImageSize is < VisionTower.MinSide or > VisionTower.MaxSide)
        {
            throw new ArgumentException(
                $"{nameof(ImageSize)} is {ImageSize}; it must be from {VisionTower.MinSide} to {VisionTower.MaxSide}.", nameof(ImageSize));
        }
    }
}

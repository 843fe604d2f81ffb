using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Conversion.Gguf;

/// <summary>A GGUF file in the making: what is asked for, the threads that quantise, and who is told how far it is.</summary>
/// <param name="options">What is asked for.</param>
/// <param name="team">Threads that quantise.</param>
/// <param name="progress">Told after every piece.</param>
/// <param name="cancellationToken">Stops it between pieces.</param>
sealed class GgufWork(GgufConversionOptions options, WorkerTeam team, IProgress<ConversionProgress>? progress, CancellationToken cancellationToken)
{
    long _done;

    /// <summary>What is asked for.</summary>
    public GgufConversionOptions Options => options;

    /// <summary>The form that the options name.</summary>
    /// <exception cref="ConversionException">There is none of this name.</exception>
    public GgufForm Form { get; } = GgufForm.Find(options.Type) ?? throw new ConversionException(
        $"The GGUF file is to be {options.Type}, which is not written; use {string.Join(", ", GgufConversionOptions.Types.SkipLast(1))} "
            + $"or {GgufConversionOptions.Types[^1]}.");

    /// <summary>Threads that quantise.</summary>
    public WorkerTeam Team => team;

    /// <summary>Stops it between pieces.</summary>
    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>Bytes of the tensors that are planned so far, for who watches.</summary>
    public long TotalBytes { get; set; }

    /// <summary>Which type each tensor gets.</summary>
    public GgufMix Mix(Gemma3nConfig config) => new(Form, config, options.TensorTypes, options.Pure);

    /// <summary>Says that a piece is written.</summary>
    public void Report(string tensor, long bytes)
    {
        _done += bytes;
        progress?.Report(new ConversionProgress(tensor, Verifying: false, _done, TotalBytes));
    }
}

using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Conversion;

/// <summary>What the makers of tensors share.</summary>
/// <param name="Team">Threads that convert rows.</param>
/// <param name="Rounding">Whose arithmetic the quantiser follows.</param>
/// <param name="Merge">What adapters add to the weights; <see langword="null"/> for nothing.</param>
sealed record ConversionWork(WorkerTeam Team, QuantizationRounding Rounding, LoraMerge? Merge)
{
    /// <summary>Bytes read or converted at a time.</summary>
    public const int PieceBytes = 4 << 20;
}

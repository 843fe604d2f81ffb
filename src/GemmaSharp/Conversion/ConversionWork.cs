using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Conversion;

/// <summary>What the makers of tensors share.</summary>
/// <param name="Team">Threads that convert rows.</param>
/// <param name="Rounding">Whose arithmetic the quantiser follows.</param>
sealed record ConversionWork(WorkerTeam Team, QuantizationRounding Rounding)
{
    /// <summary>Bytes read or converted at a time.</summary>
    public const int PieceBytes = 4 << 20;
}

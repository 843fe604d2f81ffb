using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// <c>y = Σ_g s_g d_g · Σ q·a + Σ_g b_g · (d_g Σ a)</c>: integer dot products of codes q and quantised activations a, scales applied
/// lane by lane in float32.
/// </summary>
/// <remarks>
/// An output is one chain of multiply-adds per lane: first the biases, then the blocks in ascending order, then one sum over the lanes.
/// A token's result does not depend on the other tokens or on the threads.
/// </remarks>
static unsafe class QuantizedFastProduct
{
    /// <summary>Tokens quantised at a time: bounds the scratch memory, and each token still meets all rows at once.</summary>
    const int MaxTokens = 256;

    /// <summary>Bytes of activations that should stay in the first-level cache while rows go by.</summary>
    const int CacheBytes = 20 << 10;

    /// <summary>Whether a format has an integer product.</summary>
    public static bool Supports(QuantizationFormat format) => format.Mode != QuantizationMode.MxFp8;

    /// <summary>The product at the machine's width.</summary>
    public static void Multiply(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team) =>
        Widest.RunCodes(new Kernel(rows, count, x, tokens, y, team));

    /// <summary>The product at a given width.</summary>
    internal static void Multiply<TLanes, TFloat>(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>
    {
        switch (rows.Format.Mode, rows.Format.Bits)
        {
            case (QuantizationMode.MxFp4 or QuantizationMode.NvFp4, _):
                Multiply<TLanes, TFloat, QuantizedFp4>(rows, count, x, tokens, y, team);
                break;
            case (_, 2):
                Multiply<TLanes, TFloat, QuantizedOctets<TwoBits>>(rows, count, x, tokens, y, team);
                break;
            case (_, 3):
                Multiply<TLanes, TFloat, QuantizedOctets<ThreeBits>>(rows, count, x, tokens, y, team);
                break;
            case (_, 4):
                Multiply<TLanes, TFloat, QuantizedNibbles>(rows, count, x, tokens, y, team);
                break;
            case (_, 5):
                Multiply<TLanes, TFloat, QuantizedOctets<FiveBits>>(rows, count, x, tokens, y, team);
                break;
            case (_, 6):
                Multiply<TLanes, TFloat, QuantizedOctets<SixBits>>(rows, count, x, tokens, y, team);
                break;
            default:
                Multiply<TLanes, TFloat, QuantizedBytes>(rows, count, x, tokens, y, team);
                break;
        }
    }

    static void Multiply<TLanes, TFloat, TCodes>(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>
        where TCodes : struct, IQuantizedCodes
    {
        QuantizedActivations layout = new()
        {
            Columns = rows.Columns,
            GroupSize = rows.Format.GroupSize,
            ElementBytes = TCodes.ActivationBytes,
            Block = TFloat.Count * TCodes.CodesPerLane,
            Unit = TCodes.Unit,
            Lanes = TFloat.Count,
            Memory = null,
        };
        for (int first = 0; first < tokens; first += MaxTokens)
        {
            int here = Math.Min(MaxTokens, tokens - first);
            QuantizedActivations activations = new()
            {
                Columns = layout.Columns,
                GroupSize = layout.GroupSize,
                ElementBytes = layout.ElementBytes,
                Block = layout.Block,
                Unit = layout.Unit,
                Lanes = layout.Lanes,
                Memory = ThreadScratch.Of<byte>(ScratchPurpose.Activations, (long)layout.BytesPerToken * here),
            };
            activations.Fill(x + (long)first * rows.Columns, here, team);
            QuantizedFastJob<TLanes, TFloat, TCodes> job = new()
            {
                Rows = rows,
                Count = count,
                Activations = activations,
                Tokens = here,
                TokensInCache = Math.Max(4, CacheBytes / layout.BytesPerToken & ~3),
                Y = y + (long)first * count,
            };
            team.Run(ref job, count, Math.Clamp(count / (team.Threads * 8), 1, 64));
        }
    }

    /// <summary>The product.</summary>
    internal readonly ref struct Kernel(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team) : ICodeKernel
    {
        readonly ref readonly QuantizedRows _rows = ref rows;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TLanes, TFloat>()
            where TLanes : struct, ICodeLanes<TLanes, TFloat>
            where TFloat : struct, IVector<TFloat> => Multiply<TLanes, TFloat>(_rows, count, x, tokens, y, team);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void RunScalar() => QuantizedFastScalar.Multiply(_rows, count, x, tokens, y, team);
    }
}

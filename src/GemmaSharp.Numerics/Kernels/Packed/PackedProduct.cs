using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// <c>y = Σ_g s_g d_g · Σ c·q + Σ_g b_g · (d_g Σ q)</c>: integer dot products of codes c and quantised activations q, scales applied in float32.
/// </summary>
/// <remarks>
/// An output is one chain of multiply-adds, group after group. It does not depend on the other tokens, on the threads or, where the machine multiplies and adds
/// in one rounding, on the width of its vectors.
/// </remarks>
static unsafe class PackedProduct
{
    /// <summary>Tokens quantised at a time: bounds the scratch memory, and each token still meets all rows at once.</summary>
    const int MaxTokens = 256;

    /// <summary>Bytes that products of so many tokens keep on the thread that starts them, at most.</summary>
    public static long ScratchBytes(int tokens, int columns)
    {
        // Two bytes for each column, and a step and a sum for each sixteen: the largest of all forms.
        const int ColumnBytes = 2, GroupBytes = 2 * sizeof(float), SmallestGroup = 16;
        return Math.Min(tokens, MaxTokens) * ((long)columns * ColumnBytes + (long)columns / SmallestGroup * GroupBytes);
    }

    /// <summary>The product with the best that the machine has.</summary>
    public static void Multiply(PackedPanels panels, float* x, int tokens, float* y, WorkerTeam team)
    {
        if (AssembledTiles.Of(panels.Form) is AssembledTiles tiles)
        {
            Multiply(panels, tiles, x, tokens, y, team);
        }
        else
        {
            Widest.RunCodes(new Kernel(panels, x, tokens, y, team));
        }
    }

    /// <summary>The product by tiles of machine code.</summary>
    internal static void Multiply(PackedPanels panels, AssembledTiles tiles, float* x, int tokens, float* y, WorkerTeam team)
    {
        AssembledJob job = new()
        {
            Tiles = tiles,
            Panels = panels.Pointer,
            PanelBytes = (nint)panels.Form.PanelBytes(panels.Columns),
            Blocks = panels.Form.BlocksOf(panels.Columns),
            Rows = panels.Rows,
        };
        PackedActivations activations = Room(panels, tokens);
        int items = (panels.Count + AssembledJob.ItemPanels - 1) / AssembledJob.ItemPanels;
        for (int first = 0; first < tokens; first += MaxTokens)
        {
            job.Tokens = Math.Min(MaxTokens, tokens - first);
            job.Y = y + (long)first * panels.Rows;
            activations.Fill(x + (long)first * panels.Columns, job.Tokens, team);
            job.Activations = activations;
            team.Run(ref job, items, Chunk(items, team));
        }

        GC.KeepAlive(panels);
    }

    /// <summary>Room for the integers of some tokens.</summary>
    static PackedActivations Room(PackedPanels panels, int tokens)
    {
        PackedActivations activations = new() { Columns = panels.Columns, Form = panels.Form, Memory = null };
        byte* memory = ThreadScratch.Of<byte>(ScratchPurpose.Activations, (long)activations.TokenBytes * Math.Min(tokens, MaxTokens));
        return new() { Columns = panels.Columns, Form = panels.Form, Memory = memory };
    }

    /// <summary>Items that a thread takes at once.</summary>
    static int Chunk(int items, WorkerTeam team) => Math.Clamp(items / (team.Threads * 4), 1, 64);

    static void Multiply<TLanes, TFloat>(PackedPanels panels, float* x, int tokens, float* y, WorkerTeam team)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>
    {
        switch (panels.Form.Codes, panels.Form.Scales)
        {
            case (PackedCodes.Four, PackedScales.BFloat16Pairs):
                Multiply<TLanes, TFloat, FourBitCodes, BFloat16PairScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Four, PackedScales.HalfSingles):
                Multiply<TLanes, TFloat, FourBitCodes, HalfSingleScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Four, PackedScales.SuperPairs):
                Multiply<TLanes, TFloat, FourBitCodes, SuperPairScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Five, PackedScales.HalfSingles):
                Multiply<TLanes, TFloat, FiveBitCodes, HalfSingleScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Five, PackedScales.SuperPairs):
                Multiply<TLanes, TFloat, FiveBitCodes, SuperPairScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Six, PackedScales.SuperSingles):
                Multiply<TLanes, TFloat, SixBitCodes, SuperSingleScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Eight, PackedScales.HalfSingles):
                Multiply<TLanes, TFloat, EightBitCodes, HalfSingleScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Two, PackedScales.SuperPairs):
                Multiply<TLanes, TFloat, TwoBitCodes, SuperPairScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Three, PackedScales.SuperSingles):
                Multiply<TLanes, TFloat, ThreeBitCodes, SuperSingleScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Uneven, PackedScales.HalfSingles):
                Multiply<TLanes, TFloat, UnevenCodes, HalfSingleScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Uneven, PackedScales.SuperSingles):
                Multiply<TLanes, TFloat, UnevenCodes, SuperSingleScales>(panels, x, tokens, y, team);
                break;
            case (PackedCodes.Fp4, PackedScales.BFloat16Singles):
                Multiply<TLanes, TFloat, Fp4Codes, BFloat16SingleScales>(panels, x, tokens, y, team);
                break;
            case (_, PackedScales.BFloat16Pairs):
                Pairs<TLanes, TFloat, BFloat16PairScales>(panels, x, tokens, y, team);
                break;
            case (_, PackedScales.HalfPairs):
                Pairs<TLanes, TFloat, HalfPairScales>(panels, x, tokens, y, team);
                break;
            case (_, PackedScales.FloatPairs):
                Pairs<TLanes, TFloat, FloatPairScales>(panels, x, tokens, y, team);
                break;
            default:
                throw new InvalidOperationException($"No product is written for {panels.Form.Codes} with {panels.Form.Scales}.");
        }
    }

    /// <summary>Codes of affine formats.</summary>
    static void Pairs<TLanes, TFloat, TScales>(PackedPanels panels, float* x, int tokens, float* y, WorkerTeam team)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>
        where TScales : struct, IPackedScales
    {
        switch (panels.Form.Codes)
        {
            case PackedCodes.Two:
                Multiply<TLanes, TFloat, TwoBitCodes, TScales>(panels, x, tokens, y, team);
                break;
            case PackedCodes.Three:
                Multiply<TLanes, TFloat, ThreeBitCodes, TScales>(panels, x, tokens, y, team);
                break;
            case PackedCodes.Four:
                Multiply<TLanes, TFloat, FourBitCodes, TScales>(panels, x, tokens, y, team);
                break;
            case PackedCodes.Five:
                Multiply<TLanes, TFloat, FiveBitCodes, TScales>(panels, x, tokens, y, team);
                break;
            case PackedCodes.Six:
                Multiply<TLanes, TFloat, SixBitCodes, TScales>(panels, x, tokens, y, team);
                break;
            case PackedCodes.Eight:
                Multiply<TLanes, TFloat, EightBitCodes, TScales>(panels, x, tokens, y, team);
                break;
            default:
                throw new InvalidOperationException($"No product is written for {panels.Form.Codes} with {panels.Form.Scales}.");
        }
    }

    static void Multiply<TLanes, TFloat, TCodes, TScales>(PackedPanels panels, float* x, int tokens, float* y, WorkerTeam team)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>
        where TCodes : struct, IPackedCodes
        where TScales : struct, IPackedScales
    {
        PackedActivations activations = Room(panels, tokens);
        int items = (panels.Count + PackedJob<TLanes, TFloat, TCodes, TScales>.ItemPanels - 1) / PackedJob<TLanes, TFloat, TCodes, TScales>.ItemPanels;
        for (int first = 0; first < tokens; first += MaxTokens)
        {
            int here = Math.Min(MaxTokens, tokens - first);
            activations.Fill(x + (long)first * panels.Columns, here, team);
            PackedJob<TLanes, TFloat, TCodes, TScales> job = new()
            {
                Panels = panels.Pointer,
                Shape = new(panels.Form, panels.Columns, TCodes.EightsPerSum),
                Activations = activations,
                Rows = panels.Rows,
                Tokens = here,
                Y = y + (long)first * panels.Rows,
            };
            team.Run(ref job, items, Chunk(items, team));
        }

        GC.KeepAlive(panels);
    }

    /// <summary>The product.</summary>
    internal readonly ref struct Kernel(PackedPanels panels, float* x, int tokens, float* y, WorkerTeam team) : ICodeKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TLanes, TFloat>()
            where TLanes : struct, ICodeLanes<TLanes, TFloat>
            where TFloat : struct, IVector<TFloat> => Multiply<TLanes, TFloat>(panels, x, tokens, y, team);
    }
}

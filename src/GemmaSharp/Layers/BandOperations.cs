using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Layers;

/// <summary>Work on maps, cut into bands of pixels that a thread takes through several operations while they are in its caches.</summary>
static class BandOperations
{
    /// <summary>Pixels a thread does at once: enough to pay for turning the weights they meet, few enough to share a small map evenly.</summary>
    const int TargetBand = 192;

    /// <summary>Matrix products go by six rows.</summary>
    const int BandMultiple = 6;

    /// <summary>Floats of a cache line: no two threads write the same.</summary>
    const int LineFloats = 16;

    /// <summary>Calls an action for bands of output pixels, on all threads.</summary>
    /// <param name="p">The pass.</param>
    /// <param name="state">Handed to every call, so that the action can be static and cost no allocation.</param>
    /// <param name="pixels">The pixels.</param>
    /// <param name="scratchPerPixel">Floats that a band takes of its scratch for each of its pixels.</param>
    /// <param name="action">Gets the state, a band, and the running thread's scratch.</param>
    public static void Bands<TState>(this Pass p, TState state, PixelRange pixels, int scratchPerPixel, BandAction<TState> action) =>
        p.Bands(state, pixels, scratchPerPixel, 0, action);

    /// <summary>The same where a band also needs scratch that does not grow with it.</summary>
    /// <param name="p">The pass.</param>
    /// <param name="state">Handed to every call.</param>
    /// <param name="pixels">The pixels.</param>
    /// <param name="scratchPerPixel">Floats for each pixel of a band.</param>
    /// <param name="scratchPerBand">Floats besides.</param>
    /// <param name="action">Gets the state, a band, and the running thread's scratch.</param>
    public static void Bands<TState>(this Pass p, TState state, PixelRange pixels, int scratchPerPixel, int scratchPerBand, BandAction<TState> action)
    {
        if (pixels.Count == 0)
        {
            return;
        }

        using Pass.Scope _ = p.Enter();
        int size = BandPixels(pixels.Count, p.Team.Threads), count = (pixels.Count + size - 1) / size, shares = Math.Min(p.Team.Threads, count);
        long scratch = (((long)size * scratchPerPixel) + scratchPerBand + LineFloats - 1) / LineFloats * LineFloats;
        int next = 0;
        var job = new BandJob<TState>(state, pixels, size, count, p.NewFloats(shares * scratch), scratch, action, ref next);
        p.Team.Run(ref job, shares);
    }

    /// <summary>Pixels of a band, such that every thread gets as many bands as the others.</summary>
    internal static int BandPixels(int pixels, int threads)
    {
        long rounds = (pixels + ((long)threads * TargetBand) - 1) / ((long)threads * TargetBand);
        long band = (pixels + (rounds * threads) - 1) / (rounds * threads);
        return (int)((band + BandMultiple - 1) / BandMultiple * BandMultiple);
    }

    /// <summary>An item is a share of the scratch: whoever holds it takes the next band, until there is none.</summary>
    readonly ref struct BandJob<TState>(
        TState state, PixelRange pixels, int size, int count, Floats scratch, long share, BandAction<TState> action, ref int next) : IParallelJob
    {
        readonly ref int _next = ref next;

        // Without a profile, or the action's whole body would come in here, kernels and all, and their loops run out of registers.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int first, int last)
        {
            for (int item = first; item < last; item++)
            {
                Floats own = scratch.Slice(item * share, share);
                for (int band = Interlocked.Increment(ref _next) - 1; band < count; band = Interlocked.Increment(ref _next) - 1)
                {
                    int start = band * size;
                    long used = 0;
                    action(state, new PixelRange(pixels.First + start, Math.Min(size, pixels.Count - start)), new Scratch(own, ref used));
                }
            }
        }
    }
}

/// <summary>Consecutive pixels of a map, counted row by row.</summary>
readonly record struct PixelRange(int First, int Count);

/// <summary>Computes some output pixels, which do not depend on each other.</summary>
/// <param name="state">What all bands share.</param>
/// <param name="band">The pixels.</param>
/// <param name="scratch">Memory of the running thread, all of it free again at the end.</param>
delegate void BandAction<TState>(TState state, PixelRange band, Scratch scratch);

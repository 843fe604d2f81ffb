using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Threading;

/// <summary>What this machine can do at best, measured: the yardstick of every speed this program reports.</summary>
/// <remarks>A measurement takes a few tenths of a second and keeps the best of many bursts of about a millisecond.</remarks>
static unsafe class MachineProbe
{
    // Several times the last-level cache of most machines.
    const long BandwidthBytes = 256L << 20;
    const int BandwidthChunkBytes = 1 << 20;

    // Bursts shorter than a time slice: the best one was not interrupted, even on a busy machine.
    const int BurstChunks = 16;
    const int PeakBursts = 200;
    const int PeakIterations = 5_000;
    const int PeakChains = 12;

    /// <summary>Float32 lanes of the vectors kernels use here: 16, 8, 4 or 1.</summary>
    public static int VectorLanes => Widest.Lanes;

    /// <summary>The instruction set kernels use here: "AVX-512", "AVX2", "SSE", "Arm AdvSIMD" or "scalar".</summary>
    public static string InstructionSet => VectorLanes switch
    {
        16 => "AVX-512",
        8 => "AVX2",
        4 when AdvSimd.IsSupported => "Arm AdvSIMD",
        4 when Sse.IsSupported => "SSE",
        4 => "128-bit vectors",
        _ => "scalar",
    };

    /// <summary>Bytes per second read from memory by all threads of a team together.</summary>
    /// <param name="team">The threads.</param>
    /// <returns>The best of several bursts, each over other memory.</returns>
    public static double MeasureReadBandwidth(WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        using NativeBlock block = NativeBlock.Allocate(BandwidthBytes);
        block.Write(0, 1)[0] = 1;
        int bursts = (int)(BandwidthBytes / BandwidthChunkBytes / BurstChunks);
        double best = double.MaxValue;
        for (int i = 0; i < 4 * bursts; i++)
        {
            ReadJob job = new() { Bytes = block.Pointer + (long)(i % bursts) * BurstChunks * BandwidthChunkBytes };
            best = Math.Min(best, Seconds(team, ref job, BurstChunks));
        }
        return BurstChunks * (double)BandwidthChunkBytes / best;
    }

    /// <summary>Float32 operations per second of all threads of a team together; a multiply-add is two.</summary>
    /// <param name="team">The threads.</param>
    /// <returns>The best of several bursts of multiply-adds in registers.</returns>
    public static double MeasureFloatPeak(WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        PeakJob job = default;
        int items = 4 * team.Threads;
        double best = double.MaxValue;
        for (int i = 0; i < PeakBursts; i++)
        {
            best = Math.Min(best, Seconds(team, ref job, items));
        }
        return items * (double)PeakIterations * PeakChains * 2 * VectorLanes / best;
    }

    static double Seconds<TJob>(WorkerTeam team, ref TJob job, int items)
        where TJob : struct, IParallelJob
    {
        long start = Stopwatch.GetTimestamp();
        team.Run(ref job, items);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    struct ReadJob : IParallelJob
    {
        public byte* Bytes;
        public float Sum;

        public void Run(int first, int last)
        {
            for (int i = first; i < last; i++)
            {
                Sum = Widest.Run<ReadKernel, float>(new(Bytes + (long)i * BandwidthChunkBytes));
            }
        }
    }

    struct PeakJob : IParallelJob
    {
        public float Sum;

        public void Run(int first, int last)
        {
            for (int i = first; i < last; i++)
            {
                Sum = Widest.Run<PeakKernel, float>(new(first));
            }
        }
    }

    readonly struct ReadKernel(byte* chunk) : IWidthFunction<float>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Run<TVector>()
            where TVector : struct, IVector<TVector> => Read<TVector>((float*)chunk);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        static float Read<TVector>(float* chunk)
            where TVector : struct, IVector<TVector>
        {
            const nuint Count = BandwidthChunkBytes / sizeof(float);
            nuint width = (nuint)TVector.Count;
            TVector a = TVector.Zero, b = TVector.Zero, c = TVector.Zero, d = TVector.Zero;
            for (nuint i = 0; i < Count; i += 4 * width)
            {
                // The next pages too: hardware alone stops at the end of each.
                Prefetch.SecondLevel(chunk + i + 2048);
                Prefetch.SecondLevel(chunk + i + 2048 + 2 * width);
                a += TVector.Load(chunk + i);
                b += TVector.Load(chunk + i + width);
                c += TVector.Load(chunk + i + 2 * width);
                d += TVector.Load(chunk + i + 3 * width);
            }
            return TVector.Sum(a + b + (c + d));
        }
    }

    readonly struct PeakKernel(float start) : IWidthFunction<float>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Run<TVector>()
            where TVector : struct, IVector<TVector> => Chains<TVector>(start);

        // Twelve independent chains: more than the latency of any machine asks for, and few enough for 16 registers.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        static float Chains<TVector>(float start)
            where TVector : struct, IVector<TVector>
        {
            TVector x = TVector.Create(0.999f), y = TVector.Create(1e-3f + start * 1e-9f);
            TVector a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
            for (int n = 0; n < PeakIterations; n++)
            {
                a = TVector.MultiplyAdd(a, x, y);
                b = TVector.MultiplyAdd(b, x, y);
                c = TVector.MultiplyAdd(c, x, y);
                d = TVector.MultiplyAdd(d, x, y);
                e = TVector.MultiplyAdd(e, x, y);
                f = TVector.MultiplyAdd(f, x, y);
                g = TVector.MultiplyAdd(g, x, y);
                h = TVector.MultiplyAdd(h, x, y);
                i = TVector.MultiplyAdd(i, x, y);
                j = TVector.MultiplyAdd(j, x, y);
                k = TVector.MultiplyAdd(k, x, y);
                l = TVector.MultiplyAdd(l, x, y);
            }
            return TVector.Sum(a + b + (c + d) + (e + f + (g + h)) + (i + j + (k + l)));
        }
    }
}

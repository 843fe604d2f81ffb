using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text;
using GemmaSharp.Numerics.MachineCode;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Vectors;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

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
    const int LoopBursts = 40;
    const int LoopsOfBurst = 25;

    /// <summary>Float32 lanes of the vectors kernels use here: 16, 8, 4 or 1.</summary>
    public static int VectorLanes => Widest.Lanes;

    /// <summary>The instruction set kernels use here: "AVX-512", "AVX2", "SSE", "Arm AdvSIMD", the same with "dot product", or "scalar".</summary>
    public static string InstructionSet => VectorLanes switch
    {
        16 => "AVX-512",
        8 => "AVX2",
        4 when Dp.IsSupported => "Arm AdvSIMD, dot product",
        4 when AdvSimd.IsSupported => "Arm AdvSIMD",
        4 when Sse.IsSupported => "SSE",
        4 => "128-bit vectors",
        _ => "scalar",
    };

    /// <summary>What the processor calls itself, with its family and model, since virtual ones may hide the rest; its kind where it has no name.</summary>
    public static string ProcessorName { get; } = Name();

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

    /// <summary>Operations per second of all threads of a team together on unsigned and signed bytes, summed as packed products sum; a multiply-add is
    /// two.</summary>
    /// <param name="team">The threads.</param>
    /// <returns>The best of several bursts of multiply-adds in registers.</returns>
    public static double MeasureIntegerPeak(WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        int bytes = 0;
        BytesKernel width = new(&bytes);
        Widest.RunCodes(width);
        IntegerPeakJob job = new();
        if (Processor.HasVnni512)
        {
            job.Assembled = KernelWriter.Make(Chains);
            bytes = job.Assembled == null ? bytes : U8x64.Bytes;
        }

        int items = 4 * team.Threads;
        double best = double.MaxValue;
        for (int i = 0; i < PeakBursts; i++)
        {
            best = Math.Min(best, Seconds(team, ref job, items));
        }
        return items * (double)PeakIterations * PeakChains * 2 * bytes / best;

        static void Chains(Assembler c)
        {
            Label again = c.CreateLabel();
            c.vpxord(zmm30, zmm30, zmm30);
            c.vpxord(zmm31, zmm31, zmm31);
            c.mov(rax, PeakIterations);
            c.Label(ref again);
            for (int i = 0; i < PeakChains; i++)
            {
                c.vpdpbusd(KernelWriter.Z[i], zmm30, zmm31);
            }

            c.dec(rax);
            c.jne(again);
        }
    }

    /// <summary>Seconds it takes to start a loop, until every thread of a team is in it, and to end it, when one loop follows the other.</summary>
    /// <param name="team">The threads.</param>
    /// <returns>The mean of the best of several bursts of loops that do nothing else; nearly nothing for one thread.</returns>
    public static double MeasureLoopStart(WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        MeetingJob job = new() { Threads = team.Threads };
        double best = double.MaxValue;
        for (int i = 0; i < LoopBursts; i++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int loop = 0; loop < LoopsOfBurst; loop++)
            {
                job.Met = 0;
                team.Run(ref job, team.Threads);
            }
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best / LoopsOfBurst;
    }

    static string Name()
    {
        const int FirstOfBrand = unchecked((int)0x80000002), LastOfBrand = unchecked((int)0x80000004);
        if (!X86Base.IsSupported)
        {
            return RuntimeInformation.ProcessArchitecture.ToString();
        }

        (int signature, _, _, _) = X86Base.CpuId(1, 0);
        int family = (signature >> 8) & 15, model = ((signature >> 4) & 15) | ((signature >> 12) & 0xF0);
        family += family == 15 ? (signature >> 20) & 255 : 0;
        Span<byte> brand = stackalloc byte[48];
        brand.Clear();
        if ((uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax >= unchecked((uint)LastOfBrand))
        {
            for (int leaf = FirstOfBrand; leaf <= LastOfBrand; leaf++)
            {
                (int a, int b, int c, int d) = X86Base.CpuId(leaf, 0);
                Span<byte> part = brand.Slice(16 * (leaf - FirstOfBrand), 16);
                BinaryPrimitives.WriteInt32LittleEndian(part, a);
                BinaryPrimitives.WriteInt32LittleEndian(part[4..], b);
                BinaryPrimitives.WriteInt32LittleEndian(part[8..], c);
                BinaryPrimitives.WriteInt32LittleEndian(part[12..], d);
            }
        }

        string name = Encoding.ASCII.GetString(brand).Trim('\0', ' ');
        return FormattableString.Invariant($"{(name.Length > 0 ? name : RuntimeInformation.ProcessArchitecture)} (family {family}, model {model})");
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

    /// <summary>Every thread takes an item and waits for the others.</summary>
    struct MeetingJob : IParallelJob
    {
        public int Threads, Met;

        public void Run(int first, int last)
        {
            if (Interlocked.Add(ref Met, last - first) < Threads)
            {
                SpinWait wait = default;
                while (Volatile.Read(ref Met) < Threads)
                {
                    wait.SpinOnce(sleep1Threshold: -1);
                }
            }
        }
    }

    struct IntegerPeakJob : IParallelJob
    {
        public delegate* unmanaged<void*, void> Assembled;
        public int Sum;

        public void Run(int first, int last)
        {
            int sum = 0;
            for (int i = first; i < last; i++)
            {
                if (Assembled != null)
                {
                    Assembled(null);
                }
                else
                {
                    Widest.RunCodes<IntegerPeakKernel>(new(&sum));
                }
            }
            Sum = sum;
        }
    }

    readonly struct BytesKernel(int* bytes) : ICodeKernel
    {
        public void Run<TLanes, TFloat>()
            where TLanes : struct, ICodeLanes<TLanes, TFloat>
            where TFloat : struct, IVector<TFloat> => *bytes = TLanes.Bytes;
    }

    readonly struct IntegerPeakKernel(int* sum) : ICodeKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TLanes, TFloat>()
            where TLanes : struct, ICodeLanes<TLanes, TFloat>
            where TFloat : struct, IVector<TFloat> => Chains<TLanes, TFloat>(sum);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        static void Chains<TLanes, TFloat>(int* sum)
            where TLanes : struct, ICodeLanes<TLanes, TFloat>
            where TFloat : struct, IVector<TFloat>
        {
            byte* one = stackalloc byte[] { 1, 0, 0, 1 };
            TLanes x = TLanes.Repeat(one), y = TLanes.Repeat((byte*)sum);
            TLanes a = x, b = y, c = x, d = y, e = x, f = y, g = x, h = y, i = x, j = y, k = x, l = y;
            for (int n = 0; n < PeakIterations; n++)
            {
                a = TLanes.MultiplyAdd(a, x, y);
                b = TLanes.MultiplyAdd(b, x, y);
                c = TLanes.MultiplyAdd(c, x, y);
                d = TLanes.MultiplyAdd(d, x, y);
                e = TLanes.MultiplyAdd(e, x, y);
                f = TLanes.MultiplyAdd(f, x, y);
                g = TLanes.MultiplyAdd(g, x, y);
                h = TLanes.MultiplyAdd(h, x, y);
                i = TLanes.MultiplyAdd(i, x, y);
                j = TLanes.MultiplyAdd(j, x, y);
                k = TLanes.MultiplyAdd(k, x, y);
                l = TLanes.MultiplyAdd(l, x, y);
            }

            // Used, so that nothing of the loop can be left out.
            TLanes all = TLanes.Add(TLanes.Add(TLanes.Add(a, b), TLanes.Add(c, d)), TLanes.Add(TLanes.Add(e, f), TLanes.Add(g, h)));
            all = TLanes.Add(all, TLanes.Add(TLanes.Add(i, j), TLanes.Add(k, l)));
            *sum = (int)TFloat.Sum(TLanes.ToFloat(TLanes.Field(all, 0, 1))) & 1;
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

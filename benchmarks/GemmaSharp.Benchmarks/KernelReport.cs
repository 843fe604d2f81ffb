using System.Diagnostics;
using System.Globalization;
using GemmaSharp.Numerics;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Benchmarks;

/// <summary>Matrix products as shares of the read bandwidth and the float32 peak measured in the same process.</summary>
internal static class KernelReport
{
    // Larger than any last-level cache, so that each pass reads memory.
    const long ColdBytes = 400L << 20;

    public static void Write(string[] args)
    {
        int threads = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : Environment.ProcessorCount;
        using WorkerTeam team = new(threads);
        double bandwidth = MachineProbe.MeasureReadBandwidth(team);
        double peak = MachineProbe.MeasureFloatPeak(team);
        Console.WriteLine($"{MachineProbe.InstructionSet}, {threads} threads: {bandwidth / 1e9:F1} GB/s, {peak / 1e9:F0} GFLOP/s");
        Console.WriteLine();
        Console.WriteLine("| product | m | n | k | ms | GB/s | of bandwidth | GFLOP/s | of peak |");
        Console.WriteLine("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (ElementType type in new[] { ElementType.BF16, ElementType.F16, ElementType.F32 })
        {
            foreach (int m in new[] { 1, 2, 4, 8 })
            {
                Dense(type, m, 2048, 2048, cold: true, team, bandwidth, peak);
            }
        }
        foreach (ElementType type in new[] { ElementType.BF16, ElementType.F32 })
        {
            foreach (int m in new[] { 12, 16, 32, 64, 128, 512 })
            {
                Dense(type, m, 2048, 2048, cold: false, team, bandwidth, peak);
            }
            Dense(type, 512, 2048, 8192, cold: false, team, bandwidth, peak);
            Dense(type, 512, 8192, 2048, cold: false, team, bandwidth, peak);
        }
        Dense(ElementType.F16, 512, 2048, 2048, cold: false, team, bandwidth, peak);
        foreach ((int m, int n, int k) in new[] { (4096, 128, 64), (1024, 640, 288), (256, 256, 256), (65536, 64, 27) })
        {
            Spans(m, n, k, team, bandwidth, peak);
        }
    }

    static void Dense(ElementType type, int m, int n, int k, bool cold, WorkerTeam team, double bandwidth, double peak)
    {
        long bytes = (long)n * k * type.SizeInBytes();
        int copies = cold ? (int)(ColdBytes / bytes) : 1;
        NativeBlock block = NativeBlock.Allocate(copies * bytes);
        Fill(block, type);
        DenseMatrix[] matrices = new DenseMatrix[copies];
        for (int i = 0; i < copies; i++)
        {
            matrices[i] = new DenseMatrix(new TensorData(block, i * bytes, type, [n, k]));
        }
        float[] x = Randoms(m * k), y = new float[m * n];
        double seconds = Best(() =>
        {
            foreach (DenseMatrix matrix in matrices)
            {
                matrix.Multiply(x, m, y, team);
            }
        }) / copies;
        Line($"{matrices[0].FormatName}{(cold ? ", from memory" : "")}", m, n, k, seconds, bytes, bandwidth, peak);
        block.Dispose();
    }

    static void Spans(int m, int n, int k, WorkerTeam team, double bandwidth, double peak)
    {
        float[] x = Randoms(m * k), w = Randoms(n * k), y = new float[m * n];
        double seconds = Best(() => MatMul.Multiply(x, m, w, n, k, y, n, team));
        Line("float spans", m, n, k, seconds, 4.0 * (x.Length + w.Length + y.Length), bandwidth, peak);
    }

    static void Line(string name, int m, int n, int k, double seconds, double bytes, double bandwidth, double peak)
    {
        double flops = 2.0 * m * n * k / seconds;
        Console.WriteLine(
            $"| {name} | {m} | {n} | {k} | {seconds * 1e3:F3} | {bytes / seconds / 1e9:F1} | {bytes / seconds / bandwidth:P0} | {flops / 1e9:F0} | {flops / peak:P0} |");
    }

    /// <summary>The fastest of as many runs as fit into half a second, at least five.</summary>
    static double Best(Action action)
    {
        action();
        double best = double.MaxValue;
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; i < 5 || Stopwatch.GetElapsedTime(begin).TotalSeconds < 0.5; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    static float[] Randoms(int count)
    {
        Random random = new(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }
        return values;
    }

    static void Fill(NativeBlock block, ElementType type)
    {
        // A pattern that is repeated will do: only special values would change the speed.
        float[] values = Randoms(1 << 16);
        byte[] pattern = new byte[values.Length * type.SizeInBytes()];
        for (int i = 0; i < values.Length; i++)
        {
            Span<byte> at = pattern.AsSpan(i * type.SizeInBytes());
            _ = type switch
            {
                ElementType.BF16 => BitConverter.TryWriteBytes(at, BFloat16.FromSingle(values[i]).Bits),
                ElementType.F16 => BitConverter.TryWriteBytes(at, (Half)values[i]),
                _ => BitConverter.TryWriteBytes(at, values[i]),
            };
        }
        for (long offset = 0; offset < block.Length; offset += pattern.Length)
        {
            int count = (int)Math.Min(pattern.Length, block.Length - offset);
            pattern.AsSpan(0, count).CopyTo(block.Write(offset, count));
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
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
        double bandwidth = 0, peak = 0;
        for (int i = 0; i < 4; i++)
        {
            bandwidth = Math.Max(bandwidth, MachineProbe.MeasureReadBandwidth(team));
            peak = Math.Max(peak, MachineProbe.MeasureFloatPeak(team));
        }
        Console.WriteLine($"{MachineProbe.InstructionSet}, {threads} threads: {bandwidth / 1e9:F1} GB/s, {peak / 1e9:F0} GFLOP/s");
        Console.WriteLine();
        Console.WriteLine("| product | m | n | k | ms | GB/s | of bandwidth | GFLOP/s | of peak |");
        Console.WriteLine("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (ElementType type in new[] { ElementType.BF16, ElementType.F16, ElementType.F32 })
        {
            foreach (int m in new[] { 1, 2, 3, 4, 6, 8 })
            {
                Dense(type, m, 2048, 2048, cold: true, team, bandwidth, peak);
            }
        }
        foreach (int m in new[] { 1, 2, 4, 8, 16, 128 })
        {
            // down_proj of a slice: the first half of longer rows.
            Dense(ElementType.BF16, m, 2048, 8192, cold: true, team, bandwidth, peak);
            Dense(ElementType.BF16, m, 2048, 8192, cold: true, team, bandwidth, peak, stride: 16384);
        }
        foreach (ElementType type in new[] { ElementType.BF16, ElementType.F16, ElementType.F32 })
        {
            foreach (int m in new[] { 6, 12, 16, 24, 48, 96, 128 })
            {
                // Short runs: the best of them was not interrupted.
                Dense(type, m, 192, 2048, cold: false, team, bandwidth, peak);
            }
            Dense(type, 96, 192, 8192, cold: false, team, bandwidth, peak);
            Dense(type, 512, 2048, 2048, cold: false, team, bandwidth, peak);
            Dense(type, 512, 2048, 8192, cold: false, team, bandwidth, peak);
        }
        foreach ((int m, int n, int k) in new[] { (4096, 128, 64), (1024, 640, 288), (256, 256, 256), (128, 1024, 256) })
        {
            Spans(m, n, k, team, bandwidth, peak);
        }
        foreach (int m in new[] { 1, 24, 64, 128, 256, 512 })
        {
            // Where outputs in the lanes overtake columns in the lanes; one thread each, since only one of them has a team.
            Families(m, 256, 256, bandwidth, peak);
        }
    }

    static void Dense(ElementType type, int m, int n, int k, bool cold, WorkerTeam team, double bandwidth, double peak, int? stride = null)
    {
        int columns = stride ?? k;
        long bytes = (long)n * k * type.SizeInBytes(), wholeBytes = (long)n * columns * type.SizeInBytes();
        int copies = cold ? (int)(ColdBytes / bytes) : 1;
        using NativeBlock block = Weights.Random(type, (long)copies * n * columns);
        DenseMatrix[] matrices = new DenseMatrix[copies];
        for (int i = 0; i < copies; i++)
        {
            matrices[i] = new DenseMatrix(new TensorData(block, i * wholeBytes, type, [n, columns])).Slice(0, n, 0, k);
        }
        float[] x = Weights.Singles(m * k), y = new float[m * n];
        int next = 0;
        double seconds = Best(() => matrices[next++ % copies].Multiply(x, m, y, team));
        string name = $"{matrices[0].FormatName}{(cold ? ", from memory" : "")}{(stride is null ? "" : $", rows of {stride}")}";
        Line(name, m, n, k, seconds, bytes, bandwidth, peak);
    }

    static void Spans(int m, int n, int k, WorkerTeam team, double bandwidth, double peak)
    {
        float[] x = Weights.Singles(m * k), w = Weights.Singles(n * k), y = new float[m * n];
        double seconds = Best(() => MatMul.Multiply(x, m, w, n, k, y, n, team));
        Line("float spans", m, n, k, seconds, 4.0 * (x.Length + w.Length + y.Length), bandwidth, peak);
    }

    static void Families(int m, int n, int k, double bandwidth, double peak)
    {
        using WorkerTeam alone = new(1);
        DenseMatrix w = DenseMatrix.FromSingles(Weights.Singles(n * k), n, k);
        float[] x = Weights.Singles(m * k), y = new float[m * n];
        double bytes = 4.0 * (x.Length + (double)n * k + y.Length);
        Line("MatMul, one thread", m, n, k, Best(() => w.Multiply(x, m, y, alone)), bytes, bandwidth, peak);
        Line("ColumnProduct, one thread", m, n, k, Best(() => ColumnProduct.Multiply(x, m, w, y)), bytes, bandwidth, peak);
    }

    static void Line(string name, int m, int n, int k, double seconds, double bytes, double bandwidth, double peak)
    {
        double flops = 2.0 * m * n * k / seconds;
        Console.WriteLine(
            $"| {name} | {m} | {n} | {k} | {seconds * 1e3:F3} | {bytes / seconds / 1e9:F1} | {bytes / seconds / bandwidth:P0} "
            + $"| {flops / 1e9:F0} | {flops / peak:P0} |");
    }

    /// <summary>The fastest of as many runs as fit into half a second, at least five.</summary>
    static double Best(Action action)
    {
        action();
        double best = double.MaxValue;
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; i < 10 || Stopwatch.GetElapsedTime(begin).TotalSeconds < 0.5; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }
}

using System.Diagnostics;
using System.Globalization;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.MachineCode;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Benchmarks;

/// <summary>
/// The fast product of every stored form: one token as a share of the read bandwidth and of what affine 4-bit weights reach, and many tokens in operations
/// a second. All forms take turns, so that a neighbour's minute hits all of them.
/// </summary>
internal static class FormReport
{
    const int Rows = 8192, Columns = 2048;

    // Larger together than any last-level cache, so that each pass reads memory.
    const long ColdBytes = 160L << 20;

    public static void Write(string[] args)
    {
        int threads = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : Environment.ProcessorCount;
        int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 9;
        string only = args.Length > 2 ? args[2] : "";
        using WorkerTeam team = new(threads);
        List<Form> forms = [.. Forms().Where(form => only.Length == 0 || only.Split(',').Contains(form.Name) || form.Name == "affine4/64")];
        foreach (Form form in forms)
        {
            form.Prepare(team);
        }

        double bandwidth = 0;
        int[] tokens = [1, 4, 8, 512];

        // The first round is for the compiler.
        for (int round = 0; round <= rounds; round++)
        {
            bandwidth = Math.Max(bandwidth, MachineProbe.MeasureReadBandwidth(team));
            foreach (Form form in forms)
            {
                foreach (int m in tokens)
                {
                    form.Measure(m, team, isCounted: round > 0);
                }
            }
        }

        double yardstick = Rate(forms.First(form => form.Name == "affine4/64"));
        Console.WriteLine($"{MachineProbe.InstructionSet}{(Processor.HasVnni512 ? ", assembled" : "")}, {threads} threads, {Rows} × {Columns}: {bandwidth / 1e9:F1} GB/s");
        Console.WriteLine();
        Console.WriteLine("| form | MB | 1 token, ms | GB/s | of bandwidth | of affine4/64 | 4 tokens, ms | 8 tokens, ms | 512 tokens, Gop/s |");
        Console.WriteLine("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (Form form in forms)
        {
            Console.WriteLine(
                $"| {form.Name} | {form.Bytes / 1e6:F1} | {form.Median(1) * 1e3:F2} | {Rate(form) / 1e9:F1} | {Rate(form) / bandwidth:P0} | {Rate(form) / yardstick:P0} "
                + $"| {form.Median(4) * 1e3:F2} | {form.Median(8) * 1e3:F2} | {2.0 * 512 * Rows * Columns / form.Median(512) / 1e9:F0} |");
        }
    }

    static double Rate(Form form) => form.Bytes / form.Median(1);

    static IEnumerable<Form> Forms()
    {
        float[] values = Weights.Singles(Rows * Columns);
        foreach (QuantizationFormat format in new[]
        {
            QuantizationFormat.Create(QuantizationMode.Affine, 4, 64), QuantizationFormat.Create(QuantizationMode.Affine, 8, 64),
            QuantizationFormat.Create(QuantizationMode.Affine, 6, 64), QuantizationFormat.Create(QuantizationMode.Affine, 5, 64),
            QuantizationFormat.Create(QuantizationMode.Affine, 3, 64), QuantizationFormat.Create(QuantizationMode.Affine, 2, 64),
            QuantizationFormat.Create(QuantizationMode.Affine, 4, 32), QuantizationFormat.Create(QuantizationMode.MxFp4),
            QuantizationFormat.Create(QuantizationMode.NvFp4),
        })
        {
            yield return new(format.Name, () => Quantized(values, format));
        }

        foreach (BlockType type in Enum.GetValues<BlockType>().Where(type => PackedForm.Of(type) is not null))
        {
            yield return new(type.Name(), () => Blocks(type));
        }

        foreach (ElementType type in new[] { ElementType.BF16, ElementType.F16 })
        {
            yield return new(type.ToString(), () => new DenseMatrix(new TensorData(Weights.Random(type, (long)Rows * Columns), 0, type, [Rows, Columns])));
        }
    }

    static QuantizedMatrix Quantized(float[] values, QuantizationFormat format)
    {
        int words = format.WordsPerRow(Columns), groups = format.GroupsPerRow(Columns), scaleBytes = groups * (format.HasBiases ? 2 : 1);
        NativeBlock codes = NativeBlock.Allocate(4L * Rows * words), scales = NativeBlock.Allocate((long)Rows * scaleBytes);
        NativeBlock biases = NativeBlock.Allocate((long)Rows * scaleBytes);
        for (int row = 0; row < Rows; row++)
        {
            Quantizer.QuantizeRow(
                values.AsSpan(row * Columns, Columns), ElementType.BF16, format, QuantizationRounding.Metal, codes.Write(4L * row * words, 4 * words),
                scales.Write((long)row * scaleBytes, scaleBytes), format.HasBiases ? biases.Write((long)row * scaleBytes, scaleBytes) : []);
        }

        ElementType scaleType = format.HasBiases ? ElementType.BF16 : ElementType.U8;
        return new(
            new TensorData(codes, 0, ElementType.U32, [Rows, words]), new TensorData(scales, 0, scaleType, [Rows, groups]),
            format.HasBiases ? new TensorData(biases, 0, scaleType, [Rows, groups]) : null, format, ProductMode.Fast);
    }

    /// <summary>Blocks of any bits whose scales are small numbers.</summary>
    static BlockMatrix Blocks(BlockType type)
    {
        NativeBlock memory = NativeBlock.Allocate(Rows * type.RowBytes(Columns));
        new Random(1).NextBytes(memory.Write(0, (int)memory.Length));
        int size = type.BlockBytes();
        (int first, int second) = type switch
        {
            BlockType.Q6_K => (208, 208),
            BlockType.Q3_K => (108, 108),
            BlockType.Q2_K => (80, 82),
            BlockType.Q4_1 or BlockType.Q5_1 or BlockType.Q4_K or BlockType.Q5_K => (0, 2),
            _ => (0, 0),
        };
        for (long at = 0; at < memory.Length && type != BlockType.MXFP4; at += size)
        {
            BitConverter.TryWriteBytes(memory.Write(at + first, 2), (Half)0.01f);
            BitConverter.TryWriteBytes(memory.Write(at + second, 2), (Half)0.01f);
        }

        return new(memory, 0, type, Rows, Columns, ProductMode.Fast);
    }

    /// <summary>Copies of one matrix and how long their products took.</summary>
    sealed class Form(string name, Func<WeightMatrix> make)
    {
        readonly Dictionary<int, List<double>> _seconds = [];
        WeightMatrix[] _copies = [];
        int _next;

        public string Name => name;

        public long Bytes { get; private set; }

        public void Prepare(WorkerTeam team)
        {
            WeightMatrix first = make();
            first.PrepareProducts(team);
            Bytes = first.PackedBytes > 0 ? first.PackedBytes : first.StoredBytes;
            int copies = (int)Math.Max(2, ColdBytes / Bytes);
            _copies = [first, .. Enumerable.Range(1, copies - 1).Select(_ => make())];
            foreach (WeightMatrix copy in _copies)
            {
                copy.PrepareProducts(team);
            }
        }

        public void Measure(int tokens, WorkerTeam team, bool isCounted)
        {
            float[] x = Weights.Singles(tokens * Columns), y = new float[tokens * Rows];
            if (!_seconds.TryGetValue(tokens, out List<double>? seconds))
            {
                _seconds.Add(tokens, seconds = []);
            }

            int times = tokens >= 512 ? 2 : isCounted ? _copies.Length : 100;
            for (int i = 0; i < times; i++)
            {
                long start = Stopwatch.GetTimestamp();
                _copies[_next++ % _copies.Length].Multiply(x, tokens, y, team);
                if (isCounted)
                {
                    seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                }
            }
        }

        public double Median(int tokens)
        {
            double[] sorted = [.. _seconds[tokens].Order()];
            return sorted[sorted.Length / 2];
        }
    }
}

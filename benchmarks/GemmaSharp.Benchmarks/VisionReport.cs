using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Benchmarks;

/// <summary>Time of the published vision tower by stage and kind of block, as shares of the float32 peak measured in the same process.</summary>
internal static class VisionReport
{
    const string Prefix = "vision_tower.timm_model";
    const int Seed = 11;
    const int Passes = 3;

    /// <summary><c>vision [threads] [side]</c></summary>
    public static void Write(string[] args)
    {
        int threads = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : Environment.ProcessorCount;
        int side = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 768;
        string folder = Directory.CreateTempSubdirectory("gemma-vision-").FullName;
        try
        {
            File.WriteAllText(
                Path.Combine(folder, "config.json"), """{"model_type": "gemma3n", "text_config": {}, "vision_config": {}, "audio_config": {}}""");
            WriteWeights(folder);
            using Checkpoint checkpoint = Checkpoint.Open(folder);
            Measure(new VisionTower(checkpoint.Root["vision_tower"], new VisionConfig()), side, threads);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static void Measure(VisionTower tower, int side, int threads)
    {
        using WorkerTeam team = new(threads);
        float[] pixels = new float[3 * side * side];
        Array.Fill(pixels, 0.5f);
        float[] tokens = new float[tower.TokensPerImage * tower.HiddenSize];
        IReadOnlyDictionary<string, double> multiplyAdds = VisionWork.MultiplyAdds(new VisionConfig(), side, side);
        Dictionary<string, double> best = [];
        double total = double.MaxValue, peak = 0;
        long bytes = 0;
        for (int pass = 0; pass <= Passes; pass++)
        {
            // The machine may be shared, so the yardstick is taken beside every pass.
            peak = Math.Max(peak, MachineProbe.MeasureFloatPeak(team));
            Stopwatches watches = new();
            using Pass p = new(team, watches);
            foreach (int _ in tower.Encode(pixels, side, side, tokens, p))
            {
                bytes = Math.Max(bytes, p.Bytes);
            }

            bytes = Math.Max(bytes, p.Bytes);
            if (pass > 0)
            {
                total = Math.Min(total, watches.Seconds.Values.Sum());
                foreach ((string name, double seconds) in watches.Seconds)
                {
                    best[name] = Math.Min(best.GetValueOrDefault(name, double.MaxValue), seconds);
                }
            }
        }

        Console.WriteLine(
            $"{MachineProbe.InstructionSet}, {threads} threads, {peak / 1e9:F0} GFLOP/s peak; {side} × {side}: {total:F2} s, {2 * multiplyAdds.Values.Sum() / total / peak:P0} of peak, {bytes / 1e6:F0} MB scratch");
        Console.WriteLine();
        Console.WriteLine("| part | GMAC | ms | of time | of peak |");
        Console.WriteLine("|---|--:|--:|--:|--:|");
        foreach (IGrouping<string, string> part in best.Keys.GroupBy(Part))
        {
            double seconds = part.Sum(name => best[name]), work = part.Sum(name => multiplyAdds[name]);
            Console.WriteLine(
                $"| {part.Key} | {work / 1e9:F2} | {seconds * 1e3:F0} | {seconds / best.Values.Sum():P1} | {2 * work / seconds / peak:P0} |");
        }
    }

    /// <summary>Blocks are added up by stage and kind.</summary>
    static string Part(string block)
    {
        string[] parts = block.Split('.');
        return parts is not ["blocks", string stage, string number] ? block
            : stage is "2" or "3" && int.Parse(number, System.Globalization.CultureInfo.InvariantCulture) >= (stage == "2" ? 9 : 1)
                ? $"blocks.{stage} {((number[^1] - '0') % 2 == 1 ? "attention" : "pointwise")}"
            : number == "0" ? $"blocks.{stage}.0" : $"blocks.{stage}";
    }

    static void WriteWeights(string folder)
    {
        string file = Path.Combine(folder, "model.safetensors");
        SafetensorsWriter.Create(file, [], new Dictionary<string, string> { ["format"] = "pt" }).Finish();
        List<TensorDeclaration> tensors;
        using (Checkpoint empty = Checkpoint.Open(folder))
        {
            _ = new VisionTower(empty.Root["vision_tower"], new VisionConfig());
            tensors = [.. empty.Report().Findings
                .Where(f => f.Kind == FindingKind.Missing)
                .Select(f => new TensorDeclaration(TensorNames.HuggingFace(f.Tensor), ElementType.BF16, f.ExpectedShape!))];
        }

        using SafetensorsWriter writer = SafetensorsWriter.Create(file, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        foreach (TensorDeclaration tensor in tensors)
        {
            ushort[] bits = new ushort[tensor.Shape.Aggregate(1L, (a, b) => a * b)];
            WeightRule.Fill(tensor.Name, [.. tensor.Shape], Seed, 0, bits);
            writer.Write(tensor.Name, MemoryMarshal.AsBytes(bits.AsSpan()).ToArray());
        }

        writer.Finish();
    }

    /// <summary>Notes the time between the blocks' outputs, and wants none of them.</summary>
    sealed class Stopwatches : ITrace
    {
        long _last = Stopwatch.GetTimestamp();

        public Dictionary<string, double> Seconds { get; } = [];

        public bool Wants(string name)
        {
            long now = Stopwatch.GetTimestamp();
            Seconds[name[(Prefix.Length + 1)..]] = Stopwatch.GetElapsedTime(_last, now).TotalSeconds;
            _last = now;
            return false;
        }

        public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
        {
        }

        public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids)
        {
        }
    }
}

using System.Globalization;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp;

/// <summary>Compares two traces tensor by tensor, in the order of computation, so that the first difference names the block that is wrong.</summary>
/// <remarks>
/// A tensor agrees when <c>max|a − b| / max|b|</c> is at most the tolerance and both are finite in the same places. A recorded reference may hold samples:
/// its metadata then maps the name to <c>"d0,d1,…/stride"</c> and the values are <c>flat[::stride]</c>; the other side is sampled alike.
/// </remarks>
public sealed class TraceComparison
{
    TraceComparison(IReadOnlyList<TensorDifference> tensors, IReadOnlyList<string> onlyInA, IReadOnlyList<string> onlyInB)
    {
        Tensors = tensors;
        OnlyInA = onlyInA;
        OnlyInB = onlyInB;
    }

    /// <summary>The largest relative difference that counts as agreement where none is given.</summary>
    public const double DefaultTolerance = 1e-4;

    /// <summary>Tensors that both files have, in the order of computation.</summary>
    public IReadOnlyList<TensorDifference> Tensors { get; }

    /// <summary>Names that only the first file has.</summary>
    public IReadOnlyList<string> OnlyInA { get; }

    /// <summary>Names that only the second file has.</summary>
    public IReadOnlyList<string> OnlyInB { get; }

    /// <summary>The first tensor that differs; null when all common tensors agree.</summary>
    public TensorDifference? First => Tensors.Cast<TensorDifference?>().FirstOrDefault(t => !t!.Value.Agrees);

    /// <summary>Compares two files.</summary>
    /// <param name="pathA">One trace.</param>
    /// <param name="pathB">The other, to which differences are relative.</param>
    /// <param name="tolerance">The largest relative difference that counts as agreement.</param>
    /// <exception cref="SafetensorsException">A file is not a safetensors file.</exception>
    public static TraceComparison Compare(string pathA, string pathB, double tolerance = DefaultTolerance)
    {
        using SafetensorsFile a = SafetensorsFile.Open(pathA), b = SafetensorsFile.Open(pathB);

        // A recorded reference lists its tensors by name; a trace of ours lists them as they were computed.
        SafetensorsFile ordered = a.Metadata.GetValueOrDefault("format") == "gemma-trace" || b.Metadata.GetValueOrDefault("format") != "gemma-trace" ? a : b;
        var tensors = new List<TensorDifference>();
        foreach (TensorEntry entry in ordered.Entries.OrderBy(e => e.Offset))
        {
            if (a.TryGet(entry.Name, out _) && b.TryGet(entry.Name, out _))
            {
                tensors.Add(Compare(entry.Name, SampledTensor.Read(a, entry.Name), SampledTensor.Read(b, entry.Name), tolerance));
            }
        }

        return new TraceComparison(
            tensors,
            [.. a.Entries.Select(e => e.Name).Where(name => !b.TryGet(name, out _)).Order(StringComparer.Ordinal)],
            [.. b.Entries.Select(e => e.Name).Where(name => !a.TryGet(name, out _)).Order(StringComparer.Ordinal)]);
    }

    static TensorDifference Compare(string name, SampledTensor a, SampledTensor b, double tolerance)
    {
        if (!a.Shape.SequenceEqual(b.Shape))
        {
            return new TensorDifference(name, a.Shape, b.Shape, double.PositiveInfinity, double.PositiveInfinity, 0, false);
        }

        long stride = Math.Max(a.Stride, b.Stride);
        if (stride % a.Stride != 0 || stride % b.Stride != 0)
        {
            stride = a.Stride * b.Stride;
        }

        double largest = 0, difference = 0;
        long worst = 0;
        bool sameKind = true;
        for (long i = 0; i < a.Length; i += stride)
        {
            float x = a.At(i), y = b.At(i);
            if (!float.IsFinite(x) || !float.IsFinite(y))
            {
                if (sameKind && !x.Equals(y))
                {
                    sameKind = false;
                    worst = i;
                }

                continue;
            }

            largest = Math.Max(largest, Math.Abs((double)y));
            if (Math.Abs((double)x - y) is double d && d > difference && sameKind)
            {
                difference = d;
                worst = i;
            }
        }

        double relative = !sameKind ? double.PositiveInfinity : difference == 0 ? 0 : difference / largest;
        return new TensorDifference(name, a.Shape, b.Shape, relative, difference, worst, relative <= tolerance);
    }

    readonly record struct SampledTensor(long[] Shape, long Stride, float[] Values)
    {
        public long Length => Shape.Aggregate(1L, (product, d) => product * d);

        public float At(long index) => Values[index / Stride];

        public static SampledTensor Read(SafetensorsFile file, string name)
        {
            TensorData data = file.Tensor(name);
            if (data.Type != ElementType.I32 && !StoredFloats.CanRead(data.Type))
            {
                throw new SafetensorsException(
                    file.Path, $"stores tensor {name} as {data.Type.Name()}; a trace holds numbers as F32, F16, BF16 or I32, so record it anew.");
            }

            float[] values = new float[data.Length / data.Type.SizeInBytes()];
            if (data.Type == ElementType.I32)
            {
                ReadOnlySpan<int> ids = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(data.Block.Read(data.Offset, checked((int)data.Length)));
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = ids[i];
                }
            }
            else
            {
                data.ToSingles(values);
            }

            if (file.Metadata.TryGetValue(name, out string? sampling) && sampling.Split('/') is [string dimensions, string stride]
                && long.TryParse(stride, NumberStyles.Integer, CultureInfo.InvariantCulture, out long step) && step > 0)
            {
                string[] parts = dimensions.Length == 0 ? [] : dimensions.Split(',');
                long[] shape = new long[parts.Length];
                bool whole = true;
                for (int i = 0; i < parts.Length; i++)
                {
                    whole &= long.TryParse(parts[i], NumberStyles.Integer, CultureInfo.InvariantCulture, out shape[i]) && shape[i] >= 0;
                }

                var sampled = new SampledTensor(shape, step, values);
                if (whole && (sampled.Length + step - 1) / step == values.Length)
                {
                    return sampled;
                }
            }

            return new SampledTensor([.. data.Shape], 1, values);
        }
    }
}

/// <summary>How far one tensor of two traces agrees.</summary>
/// <param name="Name">The tensor.</param>
/// <param name="ShapeA">Shape in the first trace.</param>
/// <param name="ShapeB">Shape in the second trace; when it differs, the values are not compared.</param>
/// <param name="Relative"><c>max|a − b| / max|b|</c>; infinite when shapes differ or a value is finite on one side only.</param>
/// <param name="Absolute"><c>max|a − b|</c>.</param>
/// <param name="WorstIndex">Flat index of the largest difference.</param>
/// <param name="Agrees">Whether the relative difference is within the tolerance.</param>
public readonly record struct TensorDifference(
    string Name, IReadOnlyList<long> ShapeA, IReadOnlyList<long> ShapeB, double Relative, double Absolute, long WorstIndex, bool Agrees);

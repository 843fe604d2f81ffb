using System.Globalization;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>A file of recorded reference tensors. Large ones are sampled: <c>flat[::stride]</c> of the C-order tensor.</summary>
public sealed class Golden
{
    readonly SafetensorsFile _file;

    Golden(SafetensorsFile file) => _file = file;

    /// <summary>Opens a file below <c>Goldens</c>, or one by its full path.</summary>
    public static Golden Load(string path) => new(SafetensorsFile.Open(Path.IsPathRooted(path) ? path : GoldenFiles.Find(path)));

    public IEnumerable<string> Keys => _file.Entries.Select(e => e.Name);

    public bool Contains(string key) => _file.TryGet(key, out _);

    /// <summary>Shape of the whole tensor, before sampling.</summary>
    public long[] Shape(string key) => Sampling(key).Shape;

    /// <summary>Every how manieth element of the whole tensor is stored.</summary>
    public long Stride(string key) => Sampling(key).Stride;

    /// <summary>The stored values (all of them when the stride is 1); integers are converted.</summary>
    public float[] Values(string key)
    {
        TensorData data = _file.Tensor(key);
        if (data.Type == ElementType.I32)
        {
            return [.. Integers(key).Select(i => (float)i)];
        }

        float[] values = new float[data.ElementCount];
        data.ToSingles(values);
        return values;
    }

    /// <summary>An int32 tensor such as <c>input.input_ids</c>.</summary>
    public int[] Integers(string key)
    {
        TensorData data = _file.Tensor(key);
        Assert.Equal(ElementType.I32, data.Type);
        int[] values = new int[data.ElementCount];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BitConverter.ToInt32(data.Block.Read(data.Offset + 4 * i, 4));
        }

        return values;
    }

    /// <summary><c>max|a − b| / max|b|</c> of the whole tensor <paramref name="actual"/> against the recorded samples.</summary>
    public double Compare(string key, ReadOnlySpan<float> actual)
    {
        (long[] shape, long stride) = Sampling(key);
        long count = shape.Aggregate(1L, (size, axis) => size * axis);
        Assert.True(count == actual.Length, $"{key}: {actual.Length} values were computed, the reference has {count} = [{string.Join(", ", shape)}].");
        return CompareBeginning(key, actual);
    }

    /// <summary>The same of the tensor's first values alone.</summary>
    public double CompareBeginning(string key, ReadOnlySpan<float> actual)
    {
        long stride = Stride(key);
        float[] expected = Values(key)[..(int)((actual.Length + stride - 1) / stride)];
        double difference = 0, largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double distance = Math.Abs((double)actual[(int)(i * stride)] - expected[i]);
            difference = double.IsNaN(distance) ? double.PositiveInfinity : Math.Max(difference, distance);
            largest = Math.Max(largest, Math.Abs((double)expected[i]));
        }

        return difference == 0 ? 0 : difference / largest;
    }

    /// <summary>Fails unless <see cref="Compare"/> is at most <paramref name="tolerance"/>.</summary>
    public void AssertClose(string key, ReadOnlySpan<float> actual, double tolerance = 1e-4)
    {
        double error = Compare(key, actual);
        Assert.True(error <= tolerance, string.Create(CultureInfo.InvariantCulture, $"{key}: max|a-b| / max|b| is {error:E2}, at most {tolerance:E0} is allowed."));
    }

    /// <summary>Compares everything a trace recorded that is also here; fails with every key beyond the tolerance, in order of execution.</summary>
    /// <returns>The largest difference.</returns>
    public double AssertClose(RecordingTrace trace, double tolerance = 1e-4)
    {
        var failures = new List<string>();
        double worst = 0;
        foreach (string key in trace.Names.Where(Contains))
        {
            double error = Compare(key, trace[key]);
            worst = Math.Max(worst, error);
            if (error > tolerance)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"{key} [{string.Join(", ", Shape(key))}]: {error:E2}"));
            }
        }

        Assert.True(failures.Count == 0, $"max|a-b| / max|b| is beyond {tolerance:E0} in {failures.Count} of {trace.Names.Count(Contains)}:\n{string.Join('\n', failures.Take(20))}");
        return worst;
    }

    // "d0,d1,…/stride" in the metadata, or the stored shape itself.
    (long[] Shape, long Stride) Sampling(string key)
    {
        if (!_file.Metadata.TryGetValue(key, out string? text))
        {
            return ([.. _file.Tensor(key).Shape], 1);
        }

        string[] parts = text.Split('/');
        long[] shape = [.. parts[0].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(d => long.Parse(d, CultureInfo.InvariantCulture))];
        return (shape, parts.Length > 1 ? long.Parse(parts[1], CultureInfo.InvariantCulture) : 1);
    }
}

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>Puts together results that a trace gets in parts, checking that the parts follow each other.</summary>
sealed class TraceParts
{
    readonly Dictionary<string, (float[] Values, long Filled)> _open = [];

    /// <summary>Takes a part.</summary>
    /// <returns>The whole result once its last part has come; null before.</returns>
    public float[]? Add(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
    {
        long count = 1;
        foreach (long axis in shape)
        {
            count *= axis;
        }

        (float[] whole, long filled) = _open.TryGetValue(name, out (float[], long) open) ? open : (new float[count], 0);
        Assert.True(whole.Length == count && start == filled && start + values.Length <= count, $"{name}: {values.Length} values from {start} on were recorded of [{string.Join(", ", shape.ToArray())}] behind {filled}.");
        values.CopyTo(whole.AsSpan((int)start));
        _open[name] = (whole, start + values.Length);
        if (start + values.Length < count)
        {
            return null;
        }

        _open.Remove(name);
        return whole;
    }
}

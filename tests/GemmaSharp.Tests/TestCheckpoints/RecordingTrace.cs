namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>Keeps what a forward pass recorded, by name.</summary>
public sealed class RecordingTrace(Func<string, bool>? wants = null) : ITrace
{
    readonly Dictionary<string, (long[] Shape, float[] Values)> _records = [];
    readonly List<string> _names = [];
    readonly TraceParts _parts = new();

    /// <summary>Names in order of execution.</summary>
    public IReadOnlyList<string> Names => _names;

    public float[] this[string name] => _records[name].Values;

    public long[] Shape(string name) => _records[name].Shape;

    public bool Wants(string name) => wants?.Invoke(name) ?? true;

    public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
    {
        if (_parts.Add(name, shape, start, values) is not float[] whole)
        {
            return;
        }

        if (_records.TryAdd(name, (shape.ToArray(), whole)))
        {
            _names.Add(name);
            return;
        }

        throw new InvalidOperationException($"{name} was recorded twice.");
    }

    public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids)
    {
        float[] values = new float[ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            values[i] = ids[i];
        }

        Record(name, shape, 0, values);
    }
}

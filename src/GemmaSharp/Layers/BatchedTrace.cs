namespace GemmaSharp.Layers;

/// <summary>Joins the records of items that went through a tower one by one into those of a batch, along the first axis.</summary>
sealed class BatchedTrace(ITrace target) : ITrace
{
    readonly List<string> _names = [];
    readonly Dictionary<string, (long[] Shape, List<float[]> Items)> _records = [];

    public bool Wants(string name) => target.Wants(name);

    public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
    {
        if (!_records.TryGetValue(name, out (long[] Shape, List<float[]> Items) record))
        {
            record = (shape.ToArray(), []);
            _records.Add(name, record);
            _names.Add(name);
        }

        record.Items.Add(values.ToArray());
    }

    public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids) => target.RecordIds(name, shape, ids);

    /// <summary>Records the joined tensors in the order in which they first came.</summary>
    public void Flush()
    {
        foreach (string name in _names)
        {
            (long[] shape, List<float[]> items) = _records[name];
            long[] batch = [shape[0] * items.Count, .. shape[1..]];
            target.Record(name, batch, 0, items.Count == 1 ? items[0] : [.. items.SelectMany(item => item)]);
        }
    }
}

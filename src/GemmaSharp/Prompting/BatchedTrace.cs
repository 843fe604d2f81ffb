using System.Runtime.InteropServices;

namespace GemmaSharp.Prompting;

/// <summary>Joins the records of items that went through a tower one by one into those of a batch, along the first axis.</summary>
sealed class BatchedTrace(ITrace target) : ITrace
{
    readonly List<string> _names = [];
    readonly Dictionary<string, (long[] Shape, List<float> Values)> _records = [];

    public bool Wants(string name) => target.Wants(name);

    public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
    {
        if (!_records.TryGetValue(name, out (long[] Shape, List<float> Values) record))
        {
            record = (shape.ToArray(), []);
            _records.Add(name, record);
            _names.Add(name);
        }

        // Parts of an item, and items, follow each other.
        record.Values.AddRange(values);
    }

    public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids) => target.RecordIds(name, shape, ids);

    /// <summary>Records the joined tensors in the order in which they first came.</summary>
    public void Flush()
    {
        foreach (string name in _names)
        {
            (long[] shape, List<float> values) = _records[name];
            long inner = 1;
            foreach (long axis in shape.AsSpan(1))
            {
                inner *= axis;
            }

            target.Record(name, [values.Count / inner, .. shape[1..]], 0, CollectionsMarshal.AsSpan(values));
        }
    }
}

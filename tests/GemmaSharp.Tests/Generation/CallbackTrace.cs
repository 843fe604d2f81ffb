namespace GemmaSharp.Tests.Generation;

/// <summary>Calls back with the number of each recorded tensor, from 1, on the thread that records it.</summary>
sealed class CallbackTrace(Action<int> recorded) : ITrace
{
    public int Count { get; private set; }

    public bool Wants(string name) => true;

    public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values) => recorded(++Count);

    public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids) => recorded(++Count);
}

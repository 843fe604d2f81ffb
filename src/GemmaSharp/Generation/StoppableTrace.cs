namespace GemmaSharp.Generation;

/// <summary>Ends a pass between two of its modules when the work it belongs to has been told to stop.</summary>
sealed class StoppableTrace(ITrace inner, Work work) : ITrace
{
    public bool Wants(string name)
    {
        ThrowIfStopped();
        return inner.Wants(name);
    }

    public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
    {
        ThrowIfStopped();
        inner.Record(name, shape, start, values);
    }

    public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids)
    {
        ThrowIfStopped();
        inner.RecordIds(name, shape, ids);
    }

    void ThrowIfStopped()
    {
        if (work.EndReason is Exception reason)
        {
            throw reason;
        }
    }
}

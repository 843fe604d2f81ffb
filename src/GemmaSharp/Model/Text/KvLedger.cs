namespace GemmaSharp.Model.Text;

/// <summary>Counts the bytes of several caches, those that they share once. Thread-safe.</summary>
sealed class KvLedger
{
    long _bytes;

    /// <summary>Bytes of native memory held.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Notes memory taken, or given back where it is negative.</summary>
    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);
}

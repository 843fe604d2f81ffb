namespace GemmaSharp.Hub.Download;

/// <summary>A stretch of a file and how much of it is written, from its beginning.</summary>
sealed class Part(long start, long end, long done = 0)
{
    long _done = done;

    /// <summary>Its first byte.</summary>
    public long Start { get; } = start;

    /// <summary>The byte behind its last.</summary>
    public long End { get; } = end;

    public long Length => End - Start;

    /// <summary>Bytes that are written.</summary>
    public long Done
    {
        get => Interlocked.Read(ref _done);
        set => Interlocked.Exchange(ref _done, value);
    }

    /// <summary>The most that was ever written: what comes once more is no progress.</summary>
    public long Most { get; set; } = done;

    /// <summary>A file's parts: one, or several where it is longer than two.</summary>
    public static IReadOnlyList<Part> Of(long size, long partBytes)
    {
        if (size <= 2 * partBytes)
        {
            return [new Part(0, size)];
        }

        var parts = new List<Part>();
        for (long start = 0; start < size; start += partBytes)
        {
            parts.Add(new Part(start, Math.Min(size, start + partBytes)));
        }

        return parts;
    }
}

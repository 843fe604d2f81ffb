using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using GemmaSharp.Hub.Cache;

namespace GemmaSharp.Hub.Download;

/// <summary>What has arrived of a file, written down beside it so that another process can go on.</summary>
/// <remarks>It may say less than is there, after a kill, and after a loss of power more: the checksum of the whole decides. Thread-safe.</remarks>
sealed class Journal(string path, HubFile file, TimeSpan interval)
{
    const int MostBytes = 4 << 20;

    readonly Lock _lock = new();
    long _saved = Stopwatch.GetTimestamp();

    /// <summary>The parts.</summary>
    public IReadOnlyList<Part> Parts { get; private set; } = [];

    /// <summary>Bytes that are written.</summary>
    public long Done => Parts.Sum(part => part.Done);

    /// <summary>Begins with nothing.</summary>
    public void Restart(long partBytes)
    {
        lock (_lock)
        {
            Parts = Part.Of(file.Size, partBytes);
            Write();
        }
    }

    /// <summary>Goes on where another process, or an earlier attempt, has come to.</summary>
    /// <returns>False when there is nothing to go on from.</returns>
    public bool TryResume()
    {
        if (TryRead(path, file) is not List<Part> parts)
        {
            return false;
        }

        Parts = parts;
        return true;
    }

    /// <summary>Writes it down, unless that was just done.</summary>
    public void SaveNowAndThen()
    {
        if (Stopwatch.GetElapsedTime(Interlocked.Read(ref _saved)) >= interval && _lock.TryEnter())
        {
            try
            {
                Write();
            }
            finally
            {
                _lock.Exit();
            }
        }
    }

    /// <summary>Writes it down.</summary>
    public void Save()
    {
        lock (_lock)
        {
            Write();
        }
    }

    /// <summary>Bytes that an unfinished download has, as written down.</summary>
    public static long DoneOf(string path, HubFile file) => TryRead(path, file)?.Sum(part => part.Done) ?? 0;

    void Write()
    {
        Interlocked.Exchange(ref _saved, Stopwatch.GetTimestamp());
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("etag", file.ETag);
            json.WriteNumber("size", file.Size);
            json.WriteStartArray("parts");
            foreach (Part part in Parts)
            {
                json.WriteStartArray();
                json.WriteNumberValue(part.Start);
                json.WriteNumberValue(part.End);
                json.WriteNumberValue(part.Done);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        string beside = path + ".new";
        File.WriteAllBytes(beside, buffer.WrittenSpan);
        File.Move(beside, path, overwrite: true);
    }

    static List<Part>? TryRead(string path, HubFile file)
    {
        if (SmallFile.TryRead(path, MostBytes) is not byte[] bytes)
        {
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(bytes);
            JsonElement root = json.RootElement;
            if (root.GetProperty("etag").GetString() != file.ETag || root.GetProperty("size").GetInt64() != file.Size)
            {
                return null;
            }

            var parts = new List<Part>();
            long end = 0;
            foreach (JsonElement each in root.GetProperty("parts").EnumerateArray())
            {
                var part = new Part(each[0].GetInt64(), each[1].GetInt64(), each[2].GetInt64());
                if (part.Start != end || part.Length < 0 || part.Done < 0 || part.Done > part.Length)
                {
                    return null;
                }

                end = part.End;
                parts.Add(part);
            }

            return end == file.Size && parts.Count > 0 ? parts : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or IndexOutOfRangeException)
        {
            // Torn by a loss of power, or not ours: begin again.
            return null;
        }
    }
}

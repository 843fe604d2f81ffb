using System.IO.Hashing;
using GemmaSharp.Checkpoints;

namespace GemmaSharp.Conversion;

/// <summary>Where converted tensors go: the writer, with a hash of each and the account of progress.</summary>
sealed class TensorSink(ShardedSafetensorsWriter writer, long totalBytes, IProgress<ConversionProgress>? progress, CancellationToken cancellationToken)
{
    readonly XxHash128 _hash = new();
    string? _current;
    long _done;

    /// <summary>XXH128 of every tensor finished so far, by name.</summary>
    public Dictionary<string, UInt128> Hashes { get; } = new(StringComparer.Ordinal);

    /// <summary>Appends bytes of the tensor that is due.</summary>
    public void Write(string name, ReadOnlySpan<byte> bytes)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (name != _current)
        {
            Close();
            _current = name;
        }

        writer.Write(name, bytes);
        _hash.Append(bytes);
        _done += bytes.Length;
        progress?.Report(new ConversionProgress(name, Verifying: false, _done, totalBytes));
    }

    /// <summary>Ends the last tensor.</summary>
    public void Close()
    {
        if (_current is not null)
        {
            Hashes[_current] = _hash.GetCurrentHashAsUInt128();
            _hash.Reset();
        }
    }
}

using GemmaSharp.Files;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>A GGUF file: keys and list of tensors in memory, its data mapped when first asked for.</summary>
/// <remarks>Thread-safe. Views handed out keep the mapping alive; after <see cref="WeightFile.Dispose"/> they must not be read.</remarks>
sealed class GgufFile : WeightFile
{
    GgufFile(string path, GgufHeader header)
        : base(path, header.Entries)
    {
        Metadata = header.Metadata;
        Version = header.Version;
    }

    /// <summary>2 or 3.</summary>
    public uint Version { get; }

    /// <summary>Keys and values.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>Reads and checks the header. The data is not touched.</summary>
    /// <exception cref="GgufException">The file is not a sound GGUF file, or cannot be read.</exception>
    public static GgufFile Open(string path)
    {
        try
        {
            // Also keeps from waiting for ever on a pipe, which has no length.
            if (BoundedFile.Length(path) == 0)
            {
                throw new GgufException(path, "has 0 bytes, too few for a GGUF file; download it again.");
            }

            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1 << 18);
            Span<byte> start = stackalloc byte[16];
            start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
            if (!start.StartsWith("GGUF"u8) && ForeignFile.Describe(start) is string foreign)
            {
                throw new GgufException(path, foreign);
            }

            stream.Position = 0;
            return new GgufFile(path, GgufHeader.Read(stream, path, stream.Length));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new GgufException(path, $"cannot be read: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    private protected override GgufException Bad(string problem, Exception? inner = null) => new(Path, problem, inner);
}

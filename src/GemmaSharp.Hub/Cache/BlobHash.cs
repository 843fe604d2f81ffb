using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Hub.Cache;

/// <summary>The checksum by which the hub names a content: SHA-256, or git's SHA-1 of <c>"blob " length NUL content</c>.</summary>
static class BlobHash
{
    const int Sha1Digits = 40;

    /// <summary>The checksum of a file, of the kind that <paramref name="expected"/> is.</summary>
    /// <param name="path">The file; links are followed.</param>
    /// <param name="expected">The checksum that it should have.</param>
    /// <param name="read">Told how many bytes were read each time; null for nobody.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async Task<string> OfFileAsync(string path, string expected, Action<int>? read, CancellationToken cancellationToken)
    {
        using SafeFileHandle file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        return await OfHandleAsync(file, expected, read, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc cref="OfFileAsync"/>
    public static async Task<string> OfHandleAsync(SafeFileHandle file, string expected, Action<int>? read, CancellationToken cancellationToken)
    {
        bool git = expected.Length == Sha1Digits;
        long length = RandomAccess.GetLength(file);
        using var hash = IncrementalHash.CreateHash(git ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256);
        if (git)
        {
            hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {length}\0")));
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            long offset = 0;
            for (int count; (count = await RandomAccess.ReadAsync(file, buffer, offset, cancellationToken).ConfigureAwait(false)) > 0; offset += count)
            {
                hash.AppendData(buffer, 0, count);
                read?.Invoke(count);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>Looks at every stored value of a checkpoint, which loading does not do for matrices.</summary>
static class CheckpointValues
{
    const int Piece = 1 << 20;

    /// <summary>Finds tensors with values that are not a number or infinite. Reads the whole checkpoint, in pieces.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="progress">Receives the share of bytes looked at, 0 … 1.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    /// <returns>One error for each such tensor, by name.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<Finding> FindNonFinite(Checkpoint checkpoint, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var findings = new List<Finding>();
        long total = checkpoint.Tensors.Sum(t => t.Entry.Length), done = 0;
        foreach (StoredTensor tensor in checkpoint.Tensors)
        {
            (long first, long count) = Search(tensor, cancellationToken);
            if (count > 0)
            {
                findings.Add(ReportBuilder.Of(tensor, FindingKind.NonFinite, Severity.Error,
                    $"Tensor {tensor.Name} in {tensor.File.Name} has {count} values that are not finite, the first at {first} of "
                        + $"{tensor.Shape.Aggregate(1L, (size, axis) => size * axis)}.",
                    "Download the file again, or convert the checkpoint again from its original."));
            }

            done += tensor.Entry.Length;
            progress?.Report(total == 0 ? 1 : (double)done / total);
        }

        return findings;
    }

    /// <summary>Finds tensors that are zero throughout. Reads as much of each as is zero.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    /// <returns>One finding that counts them; null where there is none. Single numbers and biases may be zero.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Finding? FindZero(Checkpoint checkpoint, CancellationToken cancellationToken = default)
    {
        const int Named = 3;
        StoredTensor[] zero = [.. checkpoint.Tensors.Where(tensor => MayNotBeZero(tensor) && IsZero(tensor, cancellationToken))];
        if (zero.Length == 0)
        {
            return checkpoint.Tensors.Where(MayNotBeZero).Select(tensor => FindHole(tensor, cancellationToken)).FirstOrDefault(hole => hole is not null);
        }

        return ReportBuilder.Of(
            zero[0], FindingKind.AllZero, Severity.Warning,
            $"{zero.Length} of {checkpoint.Tensors.Count} tensors {(zero.Length == 1 ? "is" : "are")} zero throughout, such as "
                + $"{string.Join(", ", zero.Take(Named).Select(tensor => tensor.Name))}.",
            "Download the checkpoint again: a file that was not fetched to its end has zeros for the rest.");
    }

    /// <summary>A range of zeros within a tensor, as a piece of a download that never came leaves it. Some tables end with a few rows of them.</summary>
    static Finding? FindHole(StoredTensor tensor, CancellationToken cancellationToken)
    {
        const int Grain = 4096, LeastHole = 1 << 20;
        const double LeastShare = 0.25, MostPadding = 0.05;
        long length = tensor.Entry.Length, begin = -1, longest = 0, at = 0, first = 0;
        TensorData data = tensor.Data;
        for (; at < length; at += Piece)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<byte> bytes = data.Block.Read(data.Offset + at, (int)Math.Min(Piece, length - at));
            for (int i = 0; i < bytes.Length; i += Grain)
            {
                if (bytes.Slice(i, Math.Min(Grain, bytes.Length - i)).ContainsAnyExcept((byte)0))
                {
                    Close(at + i);
                }
                else if (begin < 0)
                {
                    begin = at + i;
                }
            }
        }

        if (begin >= 0 && length - begin > MostPadding * length)
        {
            Close(length);
        }

        return longest >= LeastHole || longest >= Math.Max(Grain, LeastShare * length)
            ? ReportBuilder.Of(tensor, FindingKind.AllZero, Severity.Warning,
                $"Tensor {tensor.Name} in {tensor.File.Name} is zero from byte {first} to {first + longest} of {length}.",
                "Download the checkpoint again: a piece of a file that was not fetched has zeros.")
            : null;

        void Close(long end)
        {
            if (begin >= 0 && end - begin > longest)
            {
                (first, longest) = (begin, end - begin);
            }

            begin = -1;
        }
    }

    static bool MayNotBeZero(StoredTensor tensor) =>
        tensor.Entry.Length > tensor.Type.SizeInBytes()
        && !tensor.Name.EndsWith("bias", StringComparison.Ordinal) && !tensor.Name.EndsWith("biases", StringComparison.Ordinal);

    static bool IsZero(StoredTensor tensor, CancellationToken cancellationToken)
    {
        TensorData data = tensor.Data;
        for (long at = 0; at < tensor.Entry.Length; at += Piece)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (data.Block.Read(data.Offset + at, (int)Math.Min(Piece, tensor.Entry.Length - at)).ContainsAnyExcept((byte)0))
            {
                return false;
            }
        }

        return true;
    }

    static (long First, long Count) Search(StoredTensor tensor, CancellationToken cancellationToken)
    {
        if (tensor.Blocks is BlockType blocks)
        {
            return SearchBlocks(tensor, blocks, cancellationToken);
        }

        if (!HasNonFinite(tensor))
        {
            return (0, 0);
        }

        TensorData data = tensor.Data;
        int size = tensor.Type.SizeInBytes();
        long first = -1, count = 0;
        for (long at = 0; at < tensor.Entry.Length; at += Piece)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<byte> bytes = data.Block.Read(data.Offset + at, (int)Math.Min(Piece, tensor.Entry.Length - at));
            int found = Next(bytes, tensor.Type);
            if (found >= 0)
            {
                first = first < 0 ? at / size + found : first;
                count += Count(bytes[(found * size)..], tensor.Type, size);
            }
        }

        return (first, count);
    }

    static (long First, long Count) SearchBlocks(StoredTensor tensor, BlockType type, CancellationToken cancellationToken)
    {
        TensorData data = tensor.Data;
        int blockBytes = type.BlockBytes(), blockSize = type.BlockSize(), piece = Piece / blockBytes / 4 * blockBytes;
        float[] values = new float[piece / blockBytes * blockSize];
        long first = -1, count = 0;
        for (long at = 0; at < tensor.Entry.Length; at += piece)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int length = (int)Math.Min(piece, tensor.Entry.Length - at), weights = length / blockBytes * blockSize;
            BlockRows.Read(type, data.Block.Read(data.Offset + at, length), values.AsSpan(0, weights));
            ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values.AsSpan(0, weights));
            int found = Next(bytes, ElementType.F32);
            if (found >= 0)
            {
                first = first < 0 ? at / blockBytes * blockSize + found : first;
                count += Count(bytes[(found * sizeof(float))..], ElementType.F32, sizeof(float));
            }
        }

        return (first, count);
    }

    // One by one: a piece full of them must not be searched to its end for each.
    static int Count(ReadOnlySpan<byte> bytes, ElementType type, int size)
    {
        int count = 0;
        for (int at = 0; at < bytes.Length; at += size)
        {
            count += Next(bytes.Slice(at, size), type) == 0 ? 1 : 0;
        }

        return count;
    }

    static bool HasNonFinite(StoredTensor tensor) =>
        tensor.Type is ElementType.F64 or ElementType.F32 or ElementType.F16 or ElementType.BF16
            or ElementType.F8E4M3 or ElementType.F8E5M2 or ElementType.F8E8M0
        || IsScale(tensor);

    // MX and NV scales are stored as U8; 255 is not a number as E8M0 and as E4M3.
    static bool IsScale(StoredTensor tensor) => tensor.Type == ElementType.U8 && tensor.Name.EndsWith(".scales", StringComparison.Ordinal);

    // Values with all exponent bits set, positive or negative, are two ranges of bit patterns, which a vectorised search finds.
    static int Next(ReadOnlySpan<byte> bytes, ElementType type) => type switch
    {
        ElementType.BF16 => Next<ushort>(bytes, 0x7F80, 0x7FFF, 0xFF80, 0xFFFF),
        ElementType.F16 => Next<ushort>(bytes, 0x7C00, 0x7FFF, 0xFC00, 0xFFFF),
        ElementType.F32 => Next<uint>(bytes, 0x7F80_0000, 0x7FFF_FFFF, 0xFF80_0000, 0xFFFF_FFFF),
        ElementType.F64 => Next<ulong>(bytes, 0x7FF0_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0xFFF0_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF),
        ElementType.F8E4M3 => Next<byte>(bytes, 0x7F, 0x7F, 0xFF, 0xFF),
        ElementType.F8E5M2 => Next<byte>(bytes, 0x7C, 0x7F, 0xFC, 0xFF),
        _ => Next<byte>(bytes, 0xFF, 0xFF, 0xFF, 0xFF),
    };

    static int Next<T>(ReadOnlySpan<byte> bytes, T positive, T positiveEnd, T negative, T negativeEnd)
        where T : unmanaged, IComparable<T>
    {
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(bytes);
        int a = values.IndexOfAnyInRange(positive, positiveEnd);
        int b = (a < 0 ? values : values[..a]).IndexOfAnyInRange(negative, negativeEnd);
        return b >= 0 ? b : a;
    }
}

using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Conversion;

/// <summary>A tensor that is copied, perhaps as another type, perhaps with its axes in another order.</summary>
/// <param name="stored">The source.</param>
/// <param name="name">Name in the result.</param>
/// <param name="type">Type in the result.</param>
/// <param name="axes">Source axis of each axis of the result; <see langword="null"/> for the same order.</param>
sealed class PlannedTensor(StoredTensor stored, string name, ElementType type, int[]? axes) : IPlannedTensor
{
    public IEnumerable<StoredTensor> Sources => [stored];

    public IReadOnlyList<TensorDeclaration> Declarations { get; } =
        [new(name, type, axes is null ? stored.Shape : [.. axes.Select(axis => stored.Shape[axis])])];

    public void Write(TensorReader reader, TensorSink sink, ConversionWork work)
    {
        if (stored.Blocks is BlockType blocks)
        {
            WriteBlocks(blocks, reader, sink);
            return;
        }

        if (axes is not null && stored.Entry.Length > 0)
        {
            byte[] source = new byte[checked((int)stored.Entry.Length)];
            reader.Read(stored, 0, source);
            Write(Reorder(source, stored.Shape, axes, stored.Type.SizeInBytes()), sink);
            return;
        }

        byte[] piece = new byte[Math.Min(ConversionWork.PieceBytes, stored.Entry.Length)];
        for (long at = 0; at < stored.Entry.Length; at += piece.Length)
        {
            Span<byte> bytes = piece.AsSpan(0, (int)Math.Min(piece.Length, stored.Entry.Length - at));
            reader.Read(stored, at, bytes);
            Write(bytes, sink);
        }

        if (stored.Entry.Length == 0)
        {
            sink.Write(name, []);
        }
    }

    /// <summary>Weights in blocks become numbers, a row at a time.</summary>
    void WriteBlocks(BlockType blocks, TensorReader reader, TensorSink sink)
    {
        int columns = checked((int)stored.Shape[^1]), rowBytes = checked((int)blocks.RowBytes(columns));
        byte[] row = new byte[rowBytes], converted = new byte[columns * type.SizeInBytes()];
        float[] values = new float[columns];
        for (long at = 0; at < stored.Entry.Length; at += rowBytes)
        {
            reader.Read(stored, at, row);
            BlockRows.Read(blocks, row, values);
            StoredFloats.Write(values, type, converted);
            sink.Write(name, converted);
        }
    }

    void Write(ReadOnlySpan<byte> bytes, TensorSink sink)
    {
        if (type == stored.Type)
        {
            sink.Write(name, bytes);
            return;
        }

        float[] values = new float[bytes.Length / stored.Type.SizeInBytes()];
        StoredFloats.Read(bytes, stored.Type, values);
        byte[] converted = new byte[values.Length * type.SizeInBytes()];
        StoredFloats.Write(values, type, converted);
        sink.Write(name, converted);
    }

    /// <summary>The elements of a C-order tensor with its axes in another order.</summary>
    static byte[] Reorder(ReadOnlySpan<byte> source, IReadOnlyList<long> shape, int[] axes, int size)
    {
        int[] strides = new int[shape.Count];
        int stride = size;
        for (int axis = shape.Count - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= (int)shape[axis];
        }

        byte[] result = new byte[source.Length];
        int[] index = new int[axes.Length];
        int from = 0;
        for (int at = 0; at < result.Length; at += size)
        {
            source.Slice(from, size).CopyTo(result.AsSpan(at));

            // One step in the result's order: the last axis fastest.
            for (int axis = axes.Length - 1; axis >= 0; axis--)
            {
                from += strides[axes[axis]];
                if (++index[axis] < shape[axes[axis]])
                {
                    break;
                }

                from -= index[axis] * strides[axes[axis]];
                index[axis] = 0;
            }
        }

        return result;
    }
}

/// <summary>One or several tensors of the result that are made together.</summary>
interface IPlannedTensor
{
    /// <summary>What will be written, in this order.</summary>
    IReadOnlyList<TensorDeclaration> Declarations { get; }

    /// <summary>What is read for it.</summary>
    IEnumerable<StoredTensor> Sources { get; }

    /// <summary>Makes and writes them.</summary>
    void Write(TensorReader reader, TensorSink sink, ConversionWork work);
}

/// <summary>A tensor the source lacks and which is 0.</summary>
sealed class PlannedZeros(TensorDeclaration declaration) : IPlannedTensor
{
    public IEnumerable<StoredTensor> Sources => [];

    public IReadOnlyList<TensorDeclaration> Declarations { get; } = [declaration];

    public void Write(TensorReader reader, TensorSink sink, ConversionWork work) => sink.Write(declaration.Name, new byte[declaration.Length]);
}

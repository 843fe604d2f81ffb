using System.Runtime.InteropServices;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Cli.Bench;

/// <summary>A tensor whose bytes are made up: by the <see cref="WeightRule"/>, or codes of a quantised module, or one scale or bias again and again.</summary>
sealed class SyntheticTensor
{
    /// <summary>Bytes made at a time; whole elements and words.</summary>
    public const int PieceBytes = 2 << 20;

    // In mxfp8 only the code with all lower bits set is no number: without the lowest there is none.
    const uint NumbersOnly = 0xFEFEFEFE;

    readonly byte[]? _repeated;
    readonly uint _mask;

    SyntheticTensor(TensorEntry entry, byte[]? repeated, uint mask)
    {
        (Entry, _repeated, _mask) = (entry, repeated, mask);
    }

    /// <summary>Name, type, shape, place.</summary>
    public TensorEntry Entry { get; }

    /// <summary>The same tensor at a place.</summary>
    public SyntheticTensor At(long offset) => new(Entry with { Offset = offset }, _repeated, _mask);

    /// <summary>A bfloat16 tensor by the rule.</summary>
    public static SyntheticTensor Dense(ParameterRequest request) => new(EntryOf(request.Tensor, ElementType.BF16, request.Shape), null, 0);

    /// <summary>The tensors of a quantised module: random codes, and scales and biases that spread them over the rule's range.</summary>
    public static IEnumerable<SyntheticTensor> Quantized(ParameterRequest request, QuantizationFormat format)
    {
        (_, double range) = WeightRule.Range(TensorNames.HuggingFace(request.Tensor), [.. request.Shape]);
        long rows = request.Shape[0];
        int columns = (int)request.Shape[1];
        byte[] codes = new byte[4 * format.WordsPerRow(format.GroupSize)], scale = new byte[format.HasBiases ? 2 : 1],
            bias = new byte[format.HasBiases ? 2 : 0];
        float[] group = [.. Enumerable.Range(0, format.GroupSize).Select(i => (float)(i % 2 == 0 ? range : -range))];
        Quantizer.QuantizeRow(group, ElementType.BF16, format, QuantizationRounding.Cpu, codes, scale, bias);
        long[] groups = [rows, format.GroupsPerRow(columns)];
        ElementType scaleType = format.HasBiases ? ElementType.BF16 : ElementType.U8;
        yield return new SyntheticTensor(
            EntryOf(request.Tensor, ElementType.U32, [rows, format.WordsPerRow(columns)]), null,
                format.Mode == QuantizationMode.MxFp8 ? NumbersOnly : uint.MaxValue);
        yield return new SyntheticTensor(EntryOf(request.ModulePath + ".scales", scaleType, groups), scale, 0);
        if (format.HasBiases)
        {
            yield return new SyntheticTensor(EntryOf(request.ModulePath + ".biases", scaleType, groups), bias, 0);
        }
    }

    /// <summary>Makes some bytes.</summary>
    /// <param name="start">The first byte, at the beginning of a piece.</param>
    /// <param name="destination">Receives them.</param>
    /// <param name="seed">The checkpoint's seed.</param>
    public void Fill(long start, Span<byte> destination, int seed)
    {
        if (_repeated is not null)
        {
            for (int at = 0; at < destination.Length; at += _repeated.Length)
            {
                _repeated.CopyTo(destination[at..]);
            }
        }
        else if (Entry.Type == ElementType.BF16)
        {
            WeightRule.Fill(Entry.Name, [.. Entry.Shape], seed, start / sizeof(ushort), MemoryMarshal.Cast<byte, ushort>(destination));
        }
        else
        {
            Span<uint> words = MemoryMarshal.Cast<byte, uint>(destination);
            uint k = unchecked(WeightRule.Start(Entry.Name, seed) + (uint)(start / sizeof(uint)));
            for (int i = 0; i < words.Length; i++)
            {
                words[i] = WeightRule.Hash(unchecked(k + (uint)i)) & _mask;
            }
        }
    }

    static TensorEntry EntryOf(string tensor, ElementType type, IReadOnlyList<long> shape) =>
        new(TensorNames.HuggingFace(tensor), type, shape, 0, shape.Aggregate((long)type.SizeInBytes(), (size, axis) => checked(size * axis)));
}

using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Benchmarks;

/// <summary>Seeded operands.</summary>
internal static class Weights
{
    /// <summary>Values from −½ to ½.</summary>
    public static float[] Singles(int count)
    {
        Random random = new(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }
        return values;
    }

    /// <summary>Stored weights, a pattern of 65,536 values repeated: only special values would change a kernel's speed.</summary>
    public static NativeBlock Random(ElementType type, long count)
    {
        float[] values = Singles(1 << 16);
        int size = type.SizeInBytes();
        byte[] pattern = new byte[values.Length * size];
        for (int i = 0; i < values.Length; i++)
        {
            Span<byte> at = pattern.AsSpan(i * size);
            _ = type switch
            {
                ElementType.BF16 => BitConverter.TryWriteBytes(at, BFloat16.FromSingle(values[i]).Bits),
                ElementType.F16 => BitConverter.TryWriteBytes(at, (Half)values[i]),
                _ => BitConverter.TryWriteBytes(at, values[i]),
            };
        }
        NativeBlock block = NativeBlock.Allocate(count * size);
        for (long offset = 0; offset < block.Length; offset += pattern.Length)
        {
            int length = (int)Math.Min(pattern.Length, block.Length - offset);
            pattern.AsSpan(0, length).CopyTo(block.Write(offset, length));
        }
        return block;
    }
}

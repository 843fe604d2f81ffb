using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Arrays of stored floats, little-endian bytes, to float32 and back: the only place that does.</summary>
/// <remarks>Every floating-point type is read, exactly but for F64, which is rounded; F32, F16 and BF16 are written too. Thread-safe.</remarks>
static unsafe class StoredFloats
{
    /// <summary>Whether elements of a type can be read.</summary>
    /// <param name="type">Any type.</param>
    /// <returns>Whether it is a floating-point one.</returns>
    public static bool CanRead(ElementType type) =>
        CanWrite(type) || type is ElementType.F64 or ElementType.F8E4M3 or ElementType.F8E5M2 or ElementType.F8E8M0;

    /// <summary>Whether elements of a type can be written, as weights and as scales and biases.</summary>
    /// <param name="type">Any type.</param>
    /// <returns>Whether it is F32, F16 or BF16.</returns>
    public static bool CanWrite(ElementType type) => type is ElementType.F32 or ElementType.F16 or ElementType.BF16;

    /// <summary>Reads elements as float32.</summary>
    /// <param name="source">The elements, <c>[n]</c>; no alignment needed.</param>
    /// <param name="type">A floating-point type.</param>
    /// <param name="destination">Receives the values, <c>[n]</c>.</param>
    /// <exception cref="QuantizationFormatException">The type is no floating-point one.</exception>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Read(ReadOnlySpan<byte> source, ElementType type, Span<float> destination)
    {
        if (!CanRead(type))
        {
            throw new QuantizationFormatException($"Elements of type {type.Name()} were given; floating-point ones are needed.");
        }

        CheckLength(source.Length, destination.Length, type);
        fixed (byte* from = source)
        fixed (float* to = destination)
        {
            Read(from, type, (nuint)destination.Length, to);
        }
    }

    /// <summary>Reads one element.</summary>
    /// <param name="source">An array of elements.</param>
    /// <param name="index">Number of the element.</param>
    /// <param name="type">A floating-point type.</param>
    /// <returns>The value.</returns>
    internal static float Read(ReadOnlySpan<byte> source, int index, ElementType type)
    {
        int size = type.SizeInBytes();
        float value = 0;
        Read(source.Slice(index * size, size), type, new Span<float>(ref value));
        return value;
    }

    /// <summary>Reads <paramref name="count"/> elements of a floating-point type.</summary>
    internal static void Read(byte* source, ElementType type, nuint count, float* destination)
    {
        switch (type)
        {
            case ElementType.F32:
                NativeMemory.Copy(source, destination, count * sizeof(float));
                break;
            case ElementType.BF16:
                Widest.Run(new Widening<BFloat16Weights>(source, count, destination));
                break;
            case ElementType.F16:
                Widest.Run(new Widening<HalfWeights>(source, count, destination));
                break;
            case ElementType.F64:
                for (nuint i = 0; i < count; i++)
                {
                    destination[i] = (float)Unsafe.ReadUnaligned<double>(source + i * sizeof(double));
                }

                break;
            case ElementType.F8E4M3:
                Lookup(MiniFloat.E4M3, source, count, destination);
                break;
            case ElementType.F8E5M2:
                Lookup(MiniFloat.E5M2, source, count, destination);
                break;
            default:
                Lookup(MiniFloat.E8M0, source, count, destination);
                break;
        }
    }

    /// <summary>Rounds values to the nearest element, ties to even; beyond the range they become infinite.</summary>
    /// <param name="source">The values, <c>[n]</c>.</param>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <param name="destination">Receives the elements, <c>[n]</c>.</param>
    /// <exception cref="QuantizationFormatException">The type is another one.</exception>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Write(ReadOnlySpan<float> source, ElementType type, Span<byte> destination)
    {
        CheckWritable(type);
        CheckLength(destination.Length, source.Length, type);
        switch (type)
        {
            case ElementType.F32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case ElementType.F16:
                for (int i = 0; i < source.Length; i++)
                {
                    MemoryMarshal.Write(destination[(2 * i)..], (Half)source[i]);
                }

                break;
            default:
                for (int i = 0; i < source.Length; i++)
                {
                    MemoryMarshal.Write(destination[(2 * i)..], BFloat16.FromSingle(source[i]));
                }

                break;
        }
    }

    /// <summary>Rounds one value to an element of an array.</summary>
    internal static void Write(float value, int index, ElementType type, Span<byte> destination)
    {
        int size = type.SizeInBytes();
        Write(new ReadOnlySpan<float>(in value), type, destination.Slice(index * size, size));
    }

    /// <summary>The value after a round trip through F32, F16 or BF16.</summary>
    internal static float Round(float value, ElementType type)
    {
        CheckWritable(type);
        return type switch
        {
            ElementType.F32 => value,
            ElementType.F16 => (float)(Half)value,
            _ => BFloat16.FromSingle(value).ToSingle(),
        };
    }

    /// <summary>Elements that kernels read, too, widened vector by vector.</summary>
    internal readonly struct Widening<TFormat>(byte* source, nuint count, float* destination) : IWidthKernel
        where TFormat : struct, IWeightFormat
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Widen<TFormat, TVector>(source, count, destination);
    }

    static void Widen<TFormat, TVector>(byte* source, nuint count, float* destination)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        nuint i = 0;
        for (; i + width <= count; i += width)
        {
            TVector.Store(TFormat.Load<TVector>(source + i * size), destination + i);
        }

        // A dozen scales, say: narrower vectors before single elements.
        if (TVector.Count > F32x4.Count)
        {
            for (; i + (nuint)F32x4.Count <= count; i += (nuint)F32x4.Count)
            {
                F32x4.Store(TFormat.Load<F32x4>(source + i * size), destination + i);
            }
        }

        for (; i < count; i++)
        {
            F32x1.Store(TFormat.Load<F32x1>(source + i * size), destination + i);
        }
    }

    static void Lookup(ReadOnlySpan<float> values, byte* source, nuint count, float* destination)
    {
        for (nuint i = 0; i < count; i++)
        {
            destination[i] = values[source[i]];
        }
    }

    static void CheckWritable(ElementType type)
    {
        if (!CanWrite(type))
        {
            throw new QuantizationFormatException($"Elements of type {type.Name()} were given; F32, F16 or BF16 are needed.");
        }
    }

    static void CheckLength(int bytes, int count, ElementType type)
    {
        if (bytes != (long)count * type.SizeInBytes())
        {
            throw new ArgumentException($"{bytes} bytes were given; {count} elements of {type.Name()} have {(long)count * type.SizeInBytes()}.");
        }
    }
}

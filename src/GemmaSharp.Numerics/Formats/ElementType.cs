namespace GemmaSharp.Numerics.Formats;

/// <summary>The stored type of a tensor's elements, as safetensors files name them.</summary>
public enum ElementType
{
    /// <summary>IEEE double.</summary>
    F64,

    /// <summary>IEEE single.</summary>
    F32,

    /// <summary>IEEE half.</summary>
    F16,

    /// <summary>Brain float: the upper half of a float32.</summary>
    BF16,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Signed byte.</summary>
    I8,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>Unsigned byte.</summary>
    U8,

    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>8-bit float with 4 exponent and 3 mantissa bits, without infinities.</summary>
    F8E4M3,

    /// <summary>8-bit float with 5 exponent and 2 mantissa bits.</summary>
    F8E5M2,

    /// <summary>8-bit power of two.</summary>
    F8E8M0,
}

/// <summary>Sizes and safetensors names of <see cref="ElementType"/>.</summary>
static class ElementTypes
{
    /// <summary>Bytes of one element: 1, 2, 4 or 8.</summary>
    /// <param name="type">A defined type.</param>
    /// <returns>The size in bytes.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="type"/> is not defined.</exception>
    public static int SizeInBytes(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 or ElementType.U64 => 8,
        ElementType.F32 or ElementType.I32 or ElementType.U32 => 4,
        ElementType.F16 or ElementType.BF16 or ElementType.I16 or ElementType.U16 => 2,
        ElementType.I8 or ElementType.U8 or ElementType.Bool => 1,
        ElementType.F8E4M3 or ElementType.F8E5M2 or ElementType.F8E8M0 => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "This is no element type of safetensors."),
    };

    /// <summary>The name in a safetensors header: "BF16", "F8_E4M3", "BOOL" …</summary>
    /// <param name="type">A defined type.</param>
    /// <returns>The name, in capitals.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="type"/> is not defined.</exception>
    public static string Name(this ElementType type) => type switch
    {
        ElementType.F64 => "F64",
        ElementType.F32 => "F32",
        ElementType.F16 => "F16",
        ElementType.BF16 => "BF16",
        ElementType.I64 => "I64",
        ElementType.I32 => "I32",
        ElementType.I16 => "I16",
        ElementType.I8 => "I8",
        ElementType.U64 => "U64",
        ElementType.U32 => "U32",
        ElementType.U16 => "U16",
        ElementType.U8 => "U8",
        ElementType.Bool => "BOOL",
        ElementType.F8E4M3 => "F8_E4M3",
        ElementType.F8E5M2 => "F8_E5M2",
        ElementType.F8E8M0 => "F8_E8M0",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "This is no element type of safetensors."),
    };

    /// <summary>Finds the type with a safetensors name.</summary>
    /// <param name="name">A name as <see cref="Name"/> gives it, capitals and all.</param>
    /// <param name="type">The type found.</param>
    /// <returns>Whether there is such a type.</returns>
    public static bool TryParse(string? name, out ElementType type)
    {
        foreach (ElementType candidate in Enum.GetValues<ElementType>())
        {
            if (candidate.Name() == name)
            {
                type = candidate;
                return true;
            }
        }
        type = default;
        return false;
    }
}

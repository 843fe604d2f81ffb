namespace GemmaSharp.Numerics.Memory;

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

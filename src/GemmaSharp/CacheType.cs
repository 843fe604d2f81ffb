using GemmaSharp.Numerics.Formats;

namespace GemmaSharp;

/// <summary>How a model's key-value caches store numbers.</summary>
public enum CacheType
{
    /// <summary>32 bits, the reference's arithmetic.</summary>
    F32,

    /// <summary>bfloat16: half the memory, and half of what a token reads of a long conversation; keys and values are rounded to 8 significant bits.</summary>
    BF16,

    /// <summary>IEEE half: as large, rounded to 11 significant bits; llama.cpp's default. Keys and values beyond 65,504 become infinite.</summary>
    F16,
}

/// <summary>The stored types behind it.</summary>
static class CacheTypes
{
    /// <summary>The type of a stored number.</summary>
    public static ElementType ElementType(this CacheType type) => type switch
    {
        CacheType.F32 => Numerics.Formats.ElementType.F32,
        CacheType.BF16 => Numerics.Formats.ElementType.BF16,
        CacheType.F16 => Numerics.Formats.ElementType.F16,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "A cache stores float32, bfloat16 or float16."),
    };
}

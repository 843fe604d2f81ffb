namespace GemmaSharp.Numerics.Vectors;

/// <summary>
/// What a kernel needs of a vector of float32 lanes. Each kernel has one body, written against this; four structs of
/// 16, 8, 4 and 1 lanes make it run on every machine, and let the tests run every width on any machine.
/// </summary>
/// <typeparam name="TSelf">The implementing struct.</typeparam>
/// <remarks>
/// Every member of every implementation is inlined by force: one call left in a loop sends the live sums to the stack.
/// </remarks>
unsafe interface IVector<TSelf>
    where TSelf : struct, IVector<TSelf>
{
    /// <summary>Number of lanes.</summary>
    static abstract int Count { get; }

    /// <summary>All lanes 0.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>All lanes <paramref name="value"/>.</summary>
    static abstract TSelf Create(float value);

    /// <summary>Reads <see cref="Count"/> float32 values; no alignment needed.</summary>
    static abstract TSelf Load(float* source);

    /// <summary>Reads <see cref="Count"/> bfloat16 values; exact.</summary>
    static abstract TSelf LoadBFloat16(ushort* source);

    /// <summary>Reads <see cref="Count"/> IEEE half values; exact, subnormals, infinities and NaN included.</summary>
    static abstract TSelf LoadHalf(ushort* source);

    /// <summary>Reads <see cref="Count"/> signed bytes as numbers.</summary>
    static abstract TSelf LoadSByte(sbyte* source);

    /// <summary>Reads <see cref="Count"/> unsigned bytes as numbers.</summary>
    static abstract TSelf LoadByte(byte* source);

    /// <summary>Reads <see cref="Count"/> E4M3 codes; exact, 0x7F and 0xFF are NaN.</summary>
    static abstract TSelf LoadE4M3(byte* source);

    /// <summary>Writes <see cref="Count"/> float32 values; no alignment needed.</summary>
    static abstract void Store(TSelf value, float* destination);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator -(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary><c>a · b + c</c>, rounded once where the machine can.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>The larger lane of each pair; <paramref name="right"/> where either is NaN (Arm: NaN).</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>The smaller lane of each pair; <paramref name="right"/> where either is NaN (Arm: NaN).</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary><c>|x|</c></summary>
    static abstract TSelf Abs(TSelf value);

    /// <summary>The magnitude of <paramref name="magnitude"/> with the sign of <paramref name="sign"/>.</summary>
    static abstract TSelf CopySign(TSelf magnitude, TSelf sign);

    /// <summary>Nearest integer, halves to even.</summary>
    static abstract TSelf Round(TSelf value);

    /// <summary><c>2^n</c> for whole <paramref name="exponent"/> from −126 to 127.</summary>
    static abstract TSelf PowerOfTwo(TSelf exponent);

    /// <summary><c>left &lt; right ? whenTrue : whenFalse</c>, lane by lane.</summary>
    static abstract TSelf SelectLess(TSelf left, TSelf right, TSelf whenTrue, TSelf whenFalse);

    /// <summary>Sum of the lanes: upper half onto lower half until one is left.</summary>
    static abstract float Sum(TSelf value);

    /// <summary>Writes the four sums of four vectors side by side, each bit for bit what <see cref="Sum"/> gives.</summary>
    static abstract void StoreSums(TSelf a, TSelf b, TSelf c, TSelf d, float* destination);

    /// <summary>Largest lane.</summary>
    static abstract float MaxLane(TSelf value);
}

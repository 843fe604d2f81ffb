namespace GemmaSharp.Numerics.Vectors;

/// <summary>What the integer product of packed weights needs of a vector of bytes: four codes of one row in each 32-bit lane.</summary>
/// <typeparam name="TSelf">The implementing struct.</typeparam>
/// <typeparam name="TFloat">The float32 vector of the same size: a lane for each row.</typeparam>
/// <remarks>
/// A lane is a row at every width, so that a row's sum is the same chain of operations on every machine. Every member of every implementation is inlined by
/// force.
/// </remarks>
unsafe interface ICodeLanes<TSelf, TFloat>
    where TSelf : struct, ICodeLanes<TSelf, TFloat>
    where TFloat : struct, IVector<TFloat>
{
    /// <summary>Number of bytes, four times the lanes of <typeparamref name="TFloat"/>.</summary>
    static abstract int Bytes { get; }

    /// <summary>All bits 0.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>Reads one vector; no alignment needed.</summary>
    static abstract TSelf Load(byte* source);

    /// <summary>The same four bytes in every lane.</summary>
    static abstract TSelf Repeat(byte* four);

    /// <summary><c>(value » shift) &amp; mask</c> in every byte; the mask takes no bit that the shift brought from the byte above.</summary>
    static abstract TSelf Field(TSelf value, int shift, byte mask);

    /// <summary><c>low | high « shift</c> in every byte; no bit of the upper part leaves its byte.</summary>
    static abstract TSelf Join(TSelf low, TSelf high, int shift);

    /// <summary><c>table[code]</c> for codes below 16.</summary>
    /// <param name="table">16 bytes.</param>
    /// <param name="codes">The codes.</param>
    static abstract TSelf Lookup(byte* table, TSelf codes);

    /// <summary>
    /// Adds the four products of unsigned codes below 128 and signed bytes of a lane to its sum: as two sums of 16 bits, or as one of 32 where the machine
    /// has an instruction for it. <see cref="Widen"/> makes the same of both.
    /// </summary>
    static abstract TSelf MultiplyAdd(TSelf sum, TSelf codes, TSelf x);

    /// <summary>Sums of <see cref="MultiplyAdd"/> as one of 32 bits in a lane.</summary>
    static abstract TSelf Widen(TSelf sum);

    /// <summary>Sums of 32-bit lanes.</summary>
    static abstract TSelf Add(TSelf left, TSelf right);

    /// <summary>
    /// Adds the four products of unsigned codes and signed 16-bit numbers of a lane to its 32-bit sum.
    /// </summary>
    /// <param name="sum">The sum.</param>
    /// <param name="codes">The codes.</param>
    /// <param name="even">What the first and the third code are multiplied with.</param>
    /// <param name="odd">What the second and the fourth code are multiplied with.</param>
    static abstract TSelf MultiplyAdd16(TSelf sum, TSelf codes, TSelf even, TSelf odd);

    /// <summary>32-bit lanes as float32, rounded.</summary>
    static abstract TFloat ToFloat(TSelf value);

    /// <summary>The bits of the lanes as float32.</summary>
    static abstract TFloat AsFloat(TSelf value);

    /// <summary>The lower halves of the lanes, bfloat16 numbers.</summary>
    static abstract TFloat LowBFloat16(TSelf words);

    /// <summary>The upper halves of the lanes, bfloat16 numbers.</summary>
    static abstract TFloat HighBFloat16(TSelf words);

    /// <summary>The lower halves of the lanes, finite IEEE halves.</summary>
    static abstract TFloat LowHalf(TSelf words);

    /// <summary>The upper halves of the lanes, finite IEEE halves.</summary>
    static abstract TFloat HighHalf(TSelf words);

    /// <summary>A byte of each lane as a number.</summary>
    /// <param name="words">The lanes.</param>
    /// <param name="shift">0, 8, 16 or 24: which.</param>
    static abstract TFloat Byte(TSelf words, int shift);

    /// <summary>A signed byte of each lane as a number.</summary>
    /// <param name="words">The lanes.</param>
    /// <param name="shift">0, 8, 16 or 24: which.</param>
    static abstract TFloat SByte(TSelf words, int shift);
}

namespace GemmaSharp.Numerics.Vectors;

/// <summary>
/// What the integer product of quantised rows needs of a vector of bytes: a vector of weight codes, four of them beside each float32 lane.
/// </summary>
/// <typeparam name="TSelf">The implementing struct.</typeparam>
/// <typeparam name="TFloat">The float32 vector of the same size.</typeparam>
/// <remarks>
/// Codes of up to six bits come in blocks of twice <see cref="Bytes"/> and are handed out as two vectors whose 32-bit lanes belong together:
/// lane j of both holds the codes 8j … 8j+7 of the block, so products of the two may be added before a group's scale is applied.
/// Which of the eight lie in which vector is the unpacker's choice, and activations are stored to match.
/// </remarks>
unsafe interface ICodeLanes<TSelf, TFloat>
    where TSelf : struct, ICodeLanes<TSelf, TFloat>
    where TFloat : struct, IVector<TFloat>
{
    /// <summary>Number of bytes, four times the lanes of <typeparamref name="TFloat"/>.</summary>
    static abstract int Bytes { get; }

    /// <summary>Reads one vector; no alignment needed.</summary>
    static abstract TSelf Load(byte* source);

    /// <summary>The same 16 bytes in every 128 bits.</summary>
    static abstract TSelf Repeat(byte* sixteen);

    /// <summary><c>table[code]</c> for codes below 16, the table being 16 bytes, repeated.</summary>
    static abstract TSelf Lookup(TSelf table, TSelf codes);

    /// <summary>Codes of four bits: <see cref="Bytes"/> bytes, low nibbles (even codes) and high nibbles (odd codes).</summary>
    static abstract void Nibbles(byte* source, out TSelf even, out TSelf odd);

    /// <summary>
    /// Codes of 2, 3, 5 or 6 bits: the even and the odd octets (eight codes in <paramref name="bits"/> bytes) of a block.
    /// Reads up to <see cref="Bytes"/> bytes beyond the block.
    /// </summary>
    static abstract void Octets(byte* source, int bits, out TSelf even, out TSelf odd);

    /// <summary>Codes of eight bits: the even and the odd bytes, each in the low half of 16 bits.</summary>
    static abstract void Bytes16(byte* source, out TSelf even, out TSelf odd);

    /// <summary>Per lane the sum of eight products of unsigned codes (at most 63) and signed bytes: exact.</summary>
    static abstract TFloat Dot8(TSelf even, TSelf odd, TSelf evenX, TSelf oddX);

    /// <summary>Per lane the sum of four products of signed 16-bit numbers, rounded to float32 once.</summary>
    static abstract TFloat Dot16(TSelf even, TSelf odd, TSelf evenX, TSelf oddX);

    /// <summary>Lane j becomes lane <c>index[j]</c> of <paramref name="values"/>.</summary>
    static abstract TFloat Spread(TFloat values, int* index);
}

using System.Numerics;

namespace GemmaSharp.Generation.Constraints;

/// <summary>A set of bytes as 256 bits.</summary>
readonly record struct ByteSet(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>All bytes.</summary>
    public static ByteSet All => new(~0UL, ~0UL, ~0UL, ~0UL);

    /// <summary>Whether it holds no byte.</summary>
    public bool IsEmpty => (A | B | C | D) == 0;

    /// <summary>Whether it holds a byte.</summary>
    public bool this[int b] => (Word(b >> 6) >> (b & 63) & 1) != 0;

    /// <summary>The bytes from one to another.</summary>
    public static ByteSet Range(int first, int last)
    {
        Span<ulong> words = stackalloc ulong[4];
        for (int b = first; b <= last; b++)
        {
            words[b >> 6] |= 1UL << (b & 63);
        }

        return new ByteSet(words[0], words[1], words[2], words[3]);
    }

    public static ByteSet operator |(ByteSet x, ByteSet y) => new(x.A | y.A, x.B | y.B, x.C | y.C, x.D | y.D);

    public static ByteSet operator &(ByteSet x, ByteSet y) => new(x.A & y.A, x.B & y.B, x.C & y.C, x.D & y.D);

    public static ByteSet operator ~(ByteSet x) => new(~x.A, ~x.B, ~x.C, ~x.D);

    /// <summary>The first byte of the set from one on; 256 when there is none.</summary>
    public int Next(int b)
    {
        for (int word = b >> 6; word < 4; word++, b = word << 6)
        {
            ulong rest = Word(word) >> (b & 63);
            if (rest != 0)
            {
                return b + BitOperations.TrailingZeroCount(rest);
            }
        }

        return 256;
    }

    ulong Word(int index) => index switch { 0 => A, 1 => B, 2 => C, _ => D };
}

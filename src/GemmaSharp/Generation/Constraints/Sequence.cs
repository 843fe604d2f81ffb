using System.Runtime.InteropServices;

namespace GemmaSharp.Generation.Constraints;

/// <summary>Numbers in a row as the key of a table: equal where all numbers are.</summary>
readonly struct Sequence : IEquatable<Sequence>
{
    readonly int[] _numbers;
    readonly int _hash;

    /// <summary>Copies the numbers.</summary>
    public Sequence(ReadOnlySpan<int> numbers)
    {
        _numbers = numbers.ToArray();
        HashCode hash = default;
        hash.AddBytes(MemoryMarshal.AsBytes(numbers));
        _hash = hash.ToHashCode();
    }

    public bool Equals(Sequence other) => _hash == other._hash && _numbers.AsSpan().SequenceEqual(other._numbers);

    public override bool Equals(object? obj) => obj is Sequence other && Equals(other);

    public override int GetHashCode() => _hash;
}

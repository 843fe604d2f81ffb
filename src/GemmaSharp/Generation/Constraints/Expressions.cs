namespace GemmaSharp.Generation.Constraints;

/// <summary>Regular expressions over bytes, hash-consed: equal expressions are one number. Not thread-safe.</summary>
/// <remarks>Every operation simplifies, so that derivatives stay few. Bounded: more than the allowed nodes throw.</remarks>
sealed class Expressions
{
    /// <summary>Matches nothing at all.</summary>
    public int Nothing => throw new NotImplementedException();

    /// <summary>Matches the empty text.</summary>
    public int Empty => throw new NotImplementedException();

    /// <summary>These bytes.</summary>
    public int Literal(ReadOnlySpan<byte> bytes) => throw new NotImplementedException();

    /// <summary>One UTF-8 encoded code point out of ranges, first and last included.</summary>
    public int CodePoints(params ReadOnlySpan<(int First, int Last)> ranges) => throw new NotImplementedException();

    /// <summary>One byte out of ranges, first and last included.</summary>
    public int Bytes(params ReadOnlySpan<(byte First, byte Last)> ranges) => throw new NotImplementedException();

    /// <summary>One after another.</summary>
    public int Concat(params ReadOnlySpan<int> parts) => throw new NotImplementedException();

    /// <summary>Any of them.</summary>
    public int Or(params ReadOnlySpan<int> parts) => throw new NotImplementedException();

    /// <summary>All of them at once.</summary>
    public int And(params ReadOnlySpan<int> parts) => throw new NotImplementedException();

    /// <summary>Every byte string that the expression does not match; intersect with what is well formed.</summary>
    public int Not(int part) => throw new NotImplementedException();

    /// <summary>Again and again.</summary>
    /// <param name="part">What.</param>
    /// <param name="min">At least.</param>
    /// <param name="max">At most; null without end.</param>
    public int Repeat(int part, int min, int? max) => throw new NotImplementedException();

    /// <summary>Whether it matches nothing at all: decided exactly, by its derivatives.</summary>
    public bool IsNothing(int part) => throw new NotImplementedException();
}

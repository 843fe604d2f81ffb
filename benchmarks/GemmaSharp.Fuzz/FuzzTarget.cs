using GemmaSharp.Fuzz.Mutators;
using GemmaSharp.Media;

namespace GemmaSharp.Fuzz;

/// <summary>A reader, what it is begun with, how its inputs are changed, and what it may say.</summary>
sealed record FuzzTarget
{
    /// <summary>What it is called on the command line and in tables.</summary>
    public required string Name { get; init; }

    /// <summary>Files the first inputs are made of, read or made when wanted.</summary>
    public required Func<IEnumerable<byte[]>> Seeds { get; init; }

    /// <summary>How inputs are changed: one is drawn for each.</summary>
    public required IReadOnlyList<IMutator> Mutators { get; init; }

    /// <summary>Prepares the reader; what it gives reads one input after the other, in one thread. Disposed of where it can be.</summary>
    public required Func<IInputReader> Open { get; init; }

    /// <summary>The most bytes of an input; longer ones are cut.</summary>
    public int MostBytes { get; init; } = 1 << 15;

    /// <summary>Exceptions besides the library's own that the reader is documented to throw.</summary>
    public Func<Exception, bool> AlsoTyped { get; init; } = _ => false;

    /// <summary>Whether good files are refused too, because they need a program that is not used here.</summary>
    public bool IsRefused { get; init; }

    /// <summary>Inputs that one of the short runs in the tests gives it.</summary>
    public int TestInputs { get; init; } = 400;

    /// <summary>Whether an exception is an answer to a bad input: one of the library's own types.</summary>
    public bool IsTyped(Exception error) => error is GemmaException or MediaException or RefusedException || AlsoTyped(error);
}

/// <summary>Reads inputs.</summary>
interface IInputReader : IDisposable
{
    /// <summary>Reads one to the end, and uses what comes of it as the product does.</summary>
    void Read(byte[] input);
}

/// <summary>A reader that is a function.</summary>
sealed class InputReader(Action<byte[]> read, IDisposable? held = null) : IInputReader
{
    public void Read(byte[] input) => read(input);

    public void Dispose() => held?.Dispose();
}

/// <summary>A refusal that is no exception where it comes from, such as an answer of HTTP.</summary>
#pragma warning disable CA1064 // Thrown and caught in here.
sealed class RefusedException(string message) : Exception(message);

/// <summary>What a reader gave is not what it promises.</summary>
sealed class BrokenPromiseException(string message, Exception? innerException = null) : Exception(message, innerException);
#pragma warning restore CA1064

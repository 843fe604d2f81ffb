namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Makes another input of one.</summary>
interface IMutator
{
    /// <summary>A changed copy; null where the input is of no form that this one changes.</summary>
    /// <param name="input">The input.</param>
    /// <param name="other">Another input of the corpus, to take pieces from.</param>
    /// <param name="dice">What decides.</param>
    byte[]? Mutate(byte[] input, byte[] other, Dice dice);
}

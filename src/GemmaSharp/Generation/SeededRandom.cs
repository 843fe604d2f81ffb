namespace GemmaSharp.Generation;

/// <summary>SplitMix64: the same numbers on every machine and runtime for the same seed.</summary>
/// <remarks>Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. A mutable struct: one owner.</remarks>
struct SeededRandom(ulong seed)
{
    ulong _state = seed;

    /// <summary>The next number in [0, 1), a multiple of 2⁻⁵³.</summary>
    public double NextDouble()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (z >> 11) * (1.0 / (1UL << 53));
    }
}

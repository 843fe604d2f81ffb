namespace GemmaSharp.Fuzz;

/// <summary>Random numbers of one input (SplitMix64): the same for the same seed and number on every machine and version of .NET.</summary>
sealed class Dice(ulong seed)
{
    ulong _state = seed;

    /// <summary>The dice of an input.</summary>
    /// <param name="seed">The run's.</param>
    /// <param name="target">The reader's name.</param>
    /// <param name="index">The input's number.</param>
    public static Dice Of(ulong seed, string target, long index)
    {
        ulong state = seed;
        foreach (char character in target)
        {
            state = (state ^ character) * 0x100000001B3;
        }

        var dice = new Dice(state ^ ((ulong)index * 0xD1B54A32D192ED03));
        dice.Next();
        return dice;
    }

    /// <summary>64 bits.</summary>
    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>From 0 to below a bound; 0 for a bound below 1.</summary>
    public int Below(int bound) => bound <= 1 ? 0 : (int)(Next() % (ulong)bound);

    /// <summary>From one to the other, both included.</summary>
    public int Between(int least, int most) => least + Below(most - least + 1);

    /// <summary>Once in so many times.</summary>
    public bool OneIn(int times) => Below(times) == 0;

    /// <summary>One of them.</summary>
    public T Pick<T>(IReadOnlyList<T> from) => from[Below(from.Count)];

    /// <summary>One of them.</summary>
    public T Pick<T>(ReadOnlySpan<T> from) => from[Below(from.Length)];
}

namespace GemmaSharp.Model.Audio;

/// <summary>Which steps the rows of an activation are: <c>[Clips, Count, D]</c>, clip after clip.</summary>
/// <param name="start">Number of the first step within its clip; not 0 only in a stream.</param>
/// <param name="count">Steps of each clip.</param>
/// <param name="validSteps"><c>[Clips]</c>: each clip's steps that are sound; padding follows.</param>
readonly ref struct AudioSteps(int start, int count, ReadOnlySpan<int> validSteps)
{
    /// <summary>Number of the first step within its clip.</summary>
    public int Start { get; } = start;

    /// <summary>Steps of each clip in this pass.</summary>
    public int Count { get; } = count;

    /// <summary>Each clip's steps that are sound, counted from its beginning.</summary>
    public ReadOnlySpan<int> ValidSteps { get; } = validSteps;

    /// <summary>Number of clips.</summary>
    public int Clips => ValidSteps.Length;

    /// <summary>Rows of the activation.</summary>
    public int Rows => Clips * Count;

    /// <summary>The rows of this pass that come before the padding, of one clip.</summary>
    public int ValidRows(int clip) => Math.Clamp(ValidSteps[clip] - Start, 0, Count);

    /// <summary>Of <see cref="Count"/> steps, those whose number is a multiple of <paramref name="every"/>.</summary>
    public int Kept(int every) => (Start + Count + every - 1) / every - (Start + every - 1) / every;

    /// <summary>The first row, within a clip, whose step is a multiple of <paramref name="every"/>.</summary>
    public int FirstKept(int every) => (every - Start % every) % every;

    /// <summary>The row that kept row <paramref name="index"/> of all clips comes from.</summary>
    public int KeptRow(int every, int index)
    {
        (int clip, int kept) = Math.DivRem(index, Kept(every));
        return clip * Count + FirstKept(every) + kept * every;
    }

    /// <summary>Moves the rows of the kept steps together.</summary>
    /// <param name="every">Steps whose number is a multiple of this remain.</param>
    /// <param name="width">Channels of a row.</param>
    /// <param name="x"><c>[Rows, width]</c>, read and written.</param>
    /// <returns><c>[Clips, Kept, width]</c>, the beginning of <paramref name="x"/>.</returns>
    public Span<float> Keep(int every, int width, Span<float> x)
    {
        int rows = Clips * Kept(every);
        for (int i = 0; i < rows && every > 1; i++)
        {
            x.Slice(KeptRow(every, i) * width, width).CopyTo(x[(i * width)..]);
        }

        return x[..(rows * width)];
    }
}

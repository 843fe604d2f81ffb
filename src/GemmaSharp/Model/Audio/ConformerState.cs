namespace GemmaSharp.Model.Audio;

/// <summary>What a conformer block remembers of a stream: the keys, values and gates that later steps still see.</summary>
/// <remarks>Row i of n is the step n − i before the next one. Not thread-safe; belongs to one stream.</remarks>
sealed class ConformerState(int width, int attentionSteps, int convolutionSteps)
{
    readonly float[] _keys = new float[attentionSteps * width];
    readonly float[] _values = new float[attentionSteps * width];
    readonly float[] _gates = new float[convolutionSteps * width];

    /// <summary><c>[L, D]</c></summary>
    public ReadOnlySpan<float> Keys => _keys;

    /// <summary><c>[L, D]</c></summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary><c>[kernel − 1, D]</c>; zeros before the first step.</summary>
    public ReadOnlySpan<float> Gates => _gates;

    /// <summary>Moves on by the steps of a pass.</summary>
    /// <param name="keys"><c>[steps, D]</c></param>
    /// <param name="values"><c>[steps, D]</c></param>
    public void KeepKeysAndValues(ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        Keep(keys, width, _keys);
        Keep(values, width, _values);
    }

    /// <summary>Moves on by the steps of a pass.</summary>
    /// <param name="gates"><c>[steps, 2 D]</c>, of which the first D count.</param>
    public void KeepGates(ReadOnlySpan<float> gates) => Keep(gates, 2 * width, _gates);

    void Keep(ReadOnlySpan<float> rows, int stride, Span<float> kept)
    {
        int capacity = kept.Length / width;
        int added = Math.Min(rows.Length / stride, capacity);
        kept[(added * width)..].CopyTo(kept);
        int first = rows.Length / stride - added;
        for (int i = 0; i < added; i++)
        {
            rows.Slice((first + i) * stride, width).CopyTo(kept[((capacity - added + i) * width)..]);
        }
    }
}

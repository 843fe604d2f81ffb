using GemmaSharp.Layers;

namespace GemmaSharp.Model.Audio;

/// <summary>Which steps the rows of an activation are: <c>[Clips, Count, D]</c>, clip after clip.</summary>
/// <param name="count">Steps of each clip, padding included.</param>
/// <param name="validSteps"><c>[Clips]</c>: each clip's steps that are sound; padding follows.</param>
/// <remarks>Immutable, thread-safe.</remarks>
sealed class AudioSteps(int count, int[] validSteps)
{
    /// <summary>Steps of each clip.</summary>
    public int Count => count;

    /// <summary>Number of clips.</summary>
    public int Clips => validSteps.Length;

    /// <summary>Rows of the activation.</summary>
    public int Rows => Clips * count;

    /// <summary>Steps of a clip that are sound; padding follows.</summary>
    public int Valid(int clip) => validSteps[clip];

    /// <summary>Of each clip the steps 0, n, 2n …</summary>
    /// <param name="n">1 for all.</param>
    public AudioSteps Every(int n) => new(CeilingDivide(count, n), [.. validSteps.Select(valid => CeilingDivide(valid, n))]);

    /// <summary>The rows of those steps, moved together to the beginning of <paramref name="x"/>, whose other rows are lost.</summary>
    /// <param name="n">1 for all.</param>
    /// <param name="x"><c>[Rows, D]</c></param>
    /// <returns><c>[Every(n).Rows, D]</c></returns>
    public Rows KeepEvery(int n, Rows x)
    {
        int kept = Clips * CeilingDivide(count, n);
        for (int i = 0; i < kept && n > 1; i++)
        {
            x[RowOf(n, i)].CopyTo(x[i]);
        }

        return x.Slice(0, kept);
    }

    /// <summary>The row that row <paramref name="index"/> of <see cref="Every"/> is.</summary>
    public int RowOf(int n, int index)
    {
        (int clip, int kept) = Math.DivRem(index, CeilingDivide(count, n));
        return clip * count + kept * n;
    }

    /// <summary><c>x = 0</c> where padded</summary>
    /// <param name="x"><c>[Rows, D]</c></param>
    public void ClearPadding(Rows x)
    {
        for (int clip = 0; clip < Clips; clip++)
        {
            x.Slice(clip * count + Valid(clip), count - Valid(clip)).Span.Clear();
        }
    }

    static int CeilingDivide(int a, int b) => (a + b - 1) / b;
}

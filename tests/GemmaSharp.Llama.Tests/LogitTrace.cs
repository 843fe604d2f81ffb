namespace GemmaSharp.Llama.Tests;

/// <summary>Keeps one result of a pass.</summary>
/// <param name="wanted">Which.</param>
sealed class LogitTrace(string wanted = "logits") : ITrace
{
    /// <summary>The result: of logits <c>[tokens, vocabulary]</c>.</summary>
    public float[] Logits { get; private set; } = [];

    public bool Wants(string name) => name == wanted;

    public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
    {
        long size = 1;
        foreach (long axis in shape)
        {
            size *= axis;
        }

        Logits = Logits.Length == size ? Logits : new float[size];
        values.CopyTo(Logits.AsSpan((int)start));
    }

    public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids)
    {
    }
}

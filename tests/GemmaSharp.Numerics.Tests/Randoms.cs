namespace GemmaSharp.Numerics.Tests;

/// <summary>Seeded inputs.</summary>
internal static class Randoms
{
    /// <summary>Values of about normal distribution, a few large ones among them.</summary>
    public static float[] Singles(Random random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 2;
        }
        return values;
    }
}

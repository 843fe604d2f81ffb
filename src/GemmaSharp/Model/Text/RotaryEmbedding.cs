namespace GemmaSharp.Model.Text;

/// <summary>Rotary position embedding: the angles of one base, <c>θ_i = position · base^(−2i/d)</c>.</summary>
/// <remarks>
/// Frequencies and angles are rounded to float32 as in the reference, cosine and sine are taken of the rounded angle.
/// Source: <c>Gemma3nRotaryEmbedding</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class RotaryEmbedding
{
    readonly float[] _inverseFrequencies;

    public RotaryEmbedding(double theta, int headDim)
    {
        _inverseFrequencies = new float[headDim / 2];
        for (int i = 0; i < _inverseFrequencies.Length; i++)
        {
            float exponent = 2f * i / headDim;
            _inverseFrequencies[i] = 1f / (float)Math.Pow(theta, exponent);
        }
    }

    /// <summary>Writes <c>cos θ</c> and <c>sin θ</c> of one position.</summary>
    /// <param name="position">Index in the sequence, from 0.</param>
    /// <param name="cos">Receives <c>[d/2]</c>.</param>
    /// <param name="sin">Receives <c>[d/2]</c>.</param>
    public void Angles(int position, Span<float> cos, Span<float> sin)
    {
        for (int i = 0; i < _inverseFrequencies.Length; i++)
        {
            float angle = position * _inverseFrequencies[i];
            (double s, double c) = Math.SinCos(angle);
            cos[i] = (float)c;
            sin[i] = (float)s;
        }
    }
}

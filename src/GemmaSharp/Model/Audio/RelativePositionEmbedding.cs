using GemmaSharp.Configuration;
using GemmaSharp.Layers;

namespace GemmaSharp.Model.Audio;

/// <summary>What a key's distance adds to it: <c>P[r] = pos_proj · E(r)</c>, <c>E(r) = [sin(r · inv), cos(r · inv)]</c>.</summary>
/// <param name="scope">The module's place.</param>
/// <param name="config">Widths.</param>
/// <param name="left">L, steps a query sees back.</param>
/// <param name="right">R, steps it sees ahead.</param>
/// <remarks>
/// <c>inv_i = 10000^(−i / (D/2 − 1))</c>. P follows from weights alone and is computed at its first use;
/// with an adapter that changes <c>pos_proj</c>, in every block of every pass. Thread-safe. Source: transformers <c>Gemma3nAudioRelativePositionEmbedding</c>.
/// </remarks>
sealed class RelativePositionEmbedding(ParameterScope scope, AudioConfig config, int left, int right)
{
    readonly Linear _posProj = scope.Linear("pos_proj", config.HiddenSize, config.HiddenSize);
    float[]? _table;

    /// <summary>P of every distance.</summary>
    /// <returns><c>[R + L + 1, D]</c>; row <c>r + R</c> is for a key r steps before its query.</returns>
    public Rows Forward(Pass p)
    {
        if (p.Adapters.Changes(_posProj.Module))
        {
            return _posProj.Forward(Waves(p), p);
        }

        // Two threads may both compute it; the results are the same.
        _table ??= _posProj.Forward(Waves(p), p).Span.ToArray();
        Rows table = p.New(left + right + 1, config.HiddenSize);
        _table.CopyTo(table.Span);
        return table;
    }

    Rows Waves(Pass p)
    {
        Rows waves = p.New(left + right + 1, config.HiddenSize);
        int timescales = waves.Width / 2;
        double increment = Math.Log(10_000) / Math.Max(timescales - 1, 1);
        waves.Span.Clear();
        for (int row = 0; row < waves.Count; row++)
        {
            for (int i = 0; i < timescales; i++)
            {
                (double sin, double cos) = Math.SinCos((row - right) * Math.Exp(-i * increment));
                waves[row][i] = (float)sin;
                waves[row][timescales + i] = (float)cos;
            }
        }

        return waves;
    }
}

using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary>What a key's distance adds to it: <c>P[r] = pos_proj · E(r)</c>, <c>E(r) = [sin(r · inv), cos(r · inv)]</c>.</summary>
/// <remarks>
/// <c>inv_i = 10000^(−i / (D/2 − 1))</c>. P follows from weights alone and is computed at its first use; with an adapter that changes <c>pos_proj</c>, in every pass.
/// Thread-safe. Source: transformers <c>Gemma3nAudioRelativePositionEmbedding</c>.
/// </remarks>
sealed class RelativePositionEmbedding
{
    readonly int _left;
    readonly int _right;
    readonly Linear _posProj;
    float[]? _table;

    /// <summary>Asks for the projection.</summary>
    /// <param name="scope">The module's place.</param>
    /// <param name="config">Widths.</param>
    /// <param name="left">L, steps a query sees back.</param>
    /// <param name="right">R, steps it sees ahead.</param>
    public RelativePositionEmbedding(ParameterScope scope, AudioConfig config, int left, int right)
    {
        _left = left;
        _right = right;
        _posProj = scope.Linear("pos_proj", config.HiddenSize, config.HiddenSize);
    }

    /// <summary>P of every distance, <c>[R + L + 1, D]</c>; row <c>r + R</c> is for a key r steps before its query.</summary>
    /// <param name="team">The threads that share the work of the first use.</param>
    /// <param name="adapters">What is added to the projection.</param>
    public ReadOnlySpan<float> Table(WorkerTeam team, AdapterRows adapters)
    {
        // Two threads may both compute it; the results are the same. With adapters it is another table, for this pass.
        return adapters.Changes(_posProj.Module) ? Compute(team, adapters) : _table ??= Compute(team, adapters);
    }

    float[] Compute(WorkerTeam team, AdapterRows adapters)
    {
        int width = _posProj.InFeatures;
        int timescales = width / 2;
        double increment = Math.Log(10_000) / Math.Max(timescales - 1, 1);
        int distances = _left + _right + 1;
        float[] waves = new float[distances * width];
        for (int row = 0; row < distances; row++)
        {
            Span<float> wave = waves.AsSpan(row * width, width);
            for (int i = 0; i < timescales; i++)
            {
                (double sin, double cos) = Math.SinCos((row - _right) * Math.Exp(-i * increment));
                wave[i] = (float)sin;
                wave[timescales + i] = (float)cos;
            }
        }

        float[] table = new float[waves.Length];
        _posProj.Forward(waves, distances, table, team, adapters);
        return table;
    }
}

namespace GemmaSharp.Layers;

/// <summary>What an adapter adds to one linear layer: <c>ΔW = s · B · A</c>.</summary>
/// <param name="Module">The layer.</param>
/// <param name="Rank">r, 1 or more.</param>
/// <param name="Down">A, <c>[r, in]</c>.</param>
/// <param name="Up">Bᵀ, <c>[r, out]</c>, so that a row of the output is a sum of its rows.</param>
/// <param name="Scale">s.</param>
sealed record LoraPair(LinearModule Module, int Rank, float[] Down, float[] Up, float Scale)
{
    /// <summary>Bytes of both matrices.</summary>
    public long Bytes => sizeof(float) * ((long)Down.Length + Up.Length);
}

namespace GemmaSharp.Generation;

/// <summary>A sequence that nobody computes with: what an answer left, or a copy of its beginning. Its tokens never change.</summary>
/// <remarks>Belongs to the engine's thread.</remarks>
/// <param name="sequence">The sequence.</param>
/// <param name="isSystem">Whether it is what conversations with the same system message begin with.</param>
sealed class KeptPrefix(SequenceState sequence, bool isSystem)
{
    /// <summary>The sequence.</summary>
    public SequenceState Sequence => sequence;

    /// <summary>Whether it is what conversations with the same system message begin with, and so in use as long as one of them is.</summary>
    public bool IsSystem { get; set; } = isSystem;

    /// <summary>Whether another one has gone on from it, so that it serves only who goes back.</summary>
    public bool IsSuperseded { get; set; }

    /// <summary>The last request that used it.</summary>
    public long Request { get; set; }

    /// <summary>Running answers that began with it; it is kept until they end.</summary>
    public int Users { get; set; }
}

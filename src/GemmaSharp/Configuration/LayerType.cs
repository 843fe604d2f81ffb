namespace GemmaSharp.Configuration;

/// <summary>What a decoder layer attends to.</summary>
enum LayerType
{
    /// <summary>The last <c>sliding_window</c> positions.</summary>
    SlidingAttention,

    /// <summary>Every earlier position.</summary>
    FullAttention,
}

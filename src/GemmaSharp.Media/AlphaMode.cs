namespace GemmaSharp.Media;

/// <summary>What becomes of the transparency of a picture, of which the model knows nothing.</summary>
public enum AlphaMode
{
    /// <summary>Drawn over white, as a page shows it: <c>(c·a + 255·(255 − a)) / 255</c>, rounded as Pillow's <c>alpha_composite</c> does.</summary>
    White,

    /// <summary>
    /// Dropped, as the reference's processor does (Pillow's <c>convert("RGB")</c>): a pixel shows whatever colour lies under its transparency, often black.
    /// </summary>
    Reference,
}

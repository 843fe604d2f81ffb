namespace GemmaSharp.Media;

/// <summary>What sort of thing a file holds.</summary>
public enum MediaKind
{
    /// <summary>Nothing that is recognised.</summary>
    Unknown,

    /// <summary>A picture.</summary>
    Image,

    /// <summary>Sound alone.</summary>
    Audio,

    /// <summary>Moving pictures, with or without sound.</summary>
    Video,

    /// <summary>Something else that is recognised: a document, an archive, text.</summary>
    Other,
}

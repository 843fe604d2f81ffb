namespace GemmaSharp;

/// <summary>How spatial vision kernels are stored. The first official upload (June 2025) had kernel rows and columns exchanged.</summary>
public enum VisionWeights
{
    /// <summary><see cref="Transposed"/> when <c>conv_stem.conv.bias</c> is absent, as it is in the first upload; else <see cref="AsIs"/>.</summary>
    Auto,

    /// <summary>Kernels are used as stored.</summary>
    AsIs,

    /// <summary>Kernel rows and columns are exchanged.</summary>
    Transposed,
}

namespace GemmaSharp.Checkpoints;

/// <summary>Order of a stored convolution kernel's axes.</summary>
enum KernelLayout
{
    /// <summary><c>[O, I, kH, kW]</c></summary>
    HuggingFace,

    /// <summary><c>[O, kH, kW, I]</c></summary>
    Mlx,
}

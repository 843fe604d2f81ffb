namespace GemmaSharp.Checkpoints;

/// <summary>Recognises and reorders convolution kernels.</summary>
/// <remarks>
/// A kernel <c>[64, 3, 3, 3]</c> reads either way, so the clear kernels of its tower decide. Naming scheme and layout are independent, and
/// <c>__metadata__.format</c> is only a hint.
/// </remarks>
sealed class KernelLayouts(IEnumerable<StoredTensor> tensors)
{
    readonly Dictionary<string, KernelLayout> _byTower = new(StringComparer.Ordinal);

    /// <summary>Whether <paramref name="stored"/> is the kernel <c>[O, I, kH, kW]</c> in either layout, and which.</summary>
    /// <param name="stored">The stored tensor.</param>
    /// <param name="shape">The shape wanted, in Hugging Face's order.</param>
    /// <param name="turned">Whether kernel rows and columns are exchanged in the file.</param>
    /// <param name="layout">The layout.</param>
    public bool Fit(StoredTensor stored, IReadOnlyList<long> shape, bool turned, out KernelLayout layout)
    {
        (long o, long i, long h, long w) = turned ? (shape[0], shape[1], shape[3], shape[2]) : (shape[0], shape[1], shape[2], shape[3]);
        bool huggingFace = stored.Shape.SequenceEqual([o, i, h, w]);
        bool mlx = stored.Shape.SequenceEqual([o, h, w, i]);
        layout = huggingFace && mlx ? OfTower(stored.CanonicalName) : mlx ? KernelLayout.Mlx : KernelLayout.HuggingFace;
        return huggingFace || mlx;
    }

    /// <summary><c>[O, kH · kW · I]</c> from a stored kernel.</summary>
    public static float[] ToPatches(ReadOnlySpan<float> stored, int outs, int ins, int height, int width, KernelLayout layout, bool turned)
    {
        float[] patches = new float[stored.Length];
        int at = 0;
        for (int o = 0; o < outs; o++)
        {
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    int tap = turned ? x * height + y : y * width + x;
                    for (int i = 0; i < ins; i++)
                    {
                        patches[at++] = layout == KernelLayout.Mlx
                            ? stored[(o * height * width + tap) * ins + i]
                            : stored[(o * ins + i) * height * width + tap];
                    }
                }
            }
        }

        return patches;
    }

    /// <summary><c>[kH · kW, C]</c> from a stored depthwise kernel, whose data is <c>[C, kH · kW]</c> in both layouts.</summary>
    public static float[] ToTaps(ReadOnlySpan<float> stored, int channels, int height, int width, bool turned)
    {
        float[] taps = new float[stored.Length];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int tap = turned ? x * height + y : y * width + x;
                for (int c = 0; c < channels; c++)
                {
                    taps[(y * width + x) * channels + c] = stored[c * height * width + tap];
                }
            }
        }

        return taps;
    }

    KernelLayout OfTower(string name)
    {
        string tower = name[..(name.IndexOf('.', StringComparison.Ordinal) + 1)];
        if (!_byTower.TryGetValue(tower, out KernelLayout layout))
        {
            int votes = tensors.Where(t => t.CanonicalName.StartsWith(tower, StringComparison.Ordinal)).Sum(Vote);
            _byTower[tower] = layout = votes > 0 ? KernelLayout.Mlx : KernelLayout.HuggingFace;
        }

        return layout;
    }

    // Kernels are square, so the two equal axes that are not the channels give the layout away.
    static int Vote(StoredTensor tensor) =>
        tensor.Shape is not [_, long a, long b, long c] ? 0
        : b == c && a != b ? -1
        : a == b && b != c ? 1
        : 0;
}

/// <summary>Order of a stored convolution kernel's axes.</summary>
enum KernelLayout
{
    /// <summary><c>[O, I, kH, kW]</c></summary>
    HuggingFace,

    /// <summary><c>[O, kH, kW, I]</c></summary>
    Mlx,
}

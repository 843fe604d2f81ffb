namespace GemmaSharp.Model.Vision;

/// <summary>Adds up the memory of one pass before it begins: blocks run one after the other, so the largest need of each kind counts.</summary>
sealed class VisionScratchPlan(int threads)
{
    /// <summary>Pixels a thread does at once: enough to pay for turning the weights they meet, few enough to share a small map evenly.</summary>
    const int TargetBand = 192;

    /// <summary>Matrix products go by six rows.</summary>
    const int BandMultiple = 6;

    readonly long[] _maps = new long[2];
    readonly List<long> _features = [];

    /// <summary>Elements of scratch that each thread has for itself.</summary>
    public long PerThread { get; private set; }

    /// <summary>Elements that the whole team shares inside a block.</summary>
    public long Shared { get; private set; }

    /// <summary>Elements of the two maps that blocks take turns to read and write.</summary>
    public IReadOnlyList<long> Maps => _maps;

    /// <summary>Elements of the maps kept for the fusion adapter.</summary>
    public IReadOnlyList<long> Features => _features;

    /// <summary>Number of threads.</summary>
    public int Threads => threads;

    /// <summary>Elements of everything.</summary>
    public long Total => checked(_maps[0] + _maps[1] + _features.Sum() + Shared + (threads * PerThread));

    /// <summary>Pixels of a band, such that every thread gets as many bands as the others.</summary>
    public static int BandPixels(int pixels, int threads)
    {
        long rounds = (pixels + ((long)threads * TargetBand) - 1) / ((long)threads * TargetBand);
        long band = (pixels + (rounds * threads) - 1) / (rounds * threads);
        return (int)RoundUp(band);
    }

    /// <summary>The map that the block number <paramref name="block"/> writes.</summary>
    public void AddMap(int block, int height, int width, int channels) =>
        _maps[block & 1] = Math.Max(_maps[block & 1], Elements(height, width, channels));

    /// <summary>A map kept until the end.</summary>
    public void AddFeature(int height, int width, int channels) => _features.Add(Elements(height, width, channels));

    /// <summary>An operation that runs over <paramref name="pixels"/> output pixels.</summary>
    public void AddBands<TOperation>(int pixels, TOperation operation)
        where TOperation : struct, IBandOperation, allows ref struct =>
        PerThread = Math.Max(PerThread, Align(operation.Scratch(MostBandPixels(pixels))));

    /// <summary>Elements shared inside one block.</summary>
    public void AddShared(long elements) => Shared = Math.Max(Shared, Align(elements));

    /// <summary>Rounds up to whole cache lines.</summary>
    public static long Align(long elements) => (elements + 15) / 16 * 16;

    int MostBandPixels(int pixels) =>
        Math.Min(TargetBand, (int)RoundUp(((long)pixels + threads - 1) / threads));

    static long RoundUp(long pixels) => (pixels + BandMultiple - 1) / BandMultiple * BandMultiple;

    static long Elements(int height, int width, int channels)
    {
        long elements = Align((long)height * width * channels);
        return elements <= int.MaxValue
            ? elements
            : throw new ArgumentException(
                $"A feature map of {height} × {width} pixels with {channels} channels has {elements} elements; one map may have {int.MaxValue}. Use a smaller picture.");
    }
}

using GemmaSharp.Configuration;

namespace GemmaSharp.Cli.Bench;

/// <summary>Multiply-adds of the audio tower, counted from its configuration.</summary>
/// <remarks>The yardstick of speed reports. Stateless, thread-safe.</remarks>
static class AudioWork
{
    /// <summary>Of one clip.</summary>
    /// <param name="config">The tower.</param>
    /// <param name="frames">Mel frames of the clip.</param>
    public static double MultiplyAdds(AudioConfig config, int frames)
    {
        ArgumentNullException.ThrowIfNull(config);
        double rows = frames, bands = config.InputFeatSize, channels = 1, work = 0;
        for (int i = 0; i < config.SscpConvChannelSize.Count; i++)
        {
            (IReadOnlyList<int> kernel, IReadOnlyList<int> stride) = (config.SscpConvKernelSize[i], config.SscpConvStrideSize[i]);
            rows = Math.Ceiling(rows / stride[0]);
            bands = Math.Ceiling(bands / stride[1]);
            work += rows * bands * kernel[0] * kernel[1] * channels * config.SscpConvChannelSize[i];
            channels = config.SscpConvChannelSize[i];
        }

        double width = config.HiddenSize, context = config.ConfAttentionChunkSize + config.ConfAttentionContextLeft - 1 + config.ConfAttentionContextRight;
        double feedForward = 2 * width * (4 * width);
        double attention = (4 * width * width) + (3 * width * context);
        double convolution = (2 * width * width) + (width * config.ConfConvKernelSize) + (width * width);
        work += rows * bands * channels * width;
        return work + (rows * config.ConfNumHiddenLayers * ((2 * feedForward) + attention + convolution));
    }
}

namespace GemmaSharp.Model.Audio;

/// <summary>What the sub-sampling remembers of a clip: the rows its two convolutions still need, and their norms' sums.</summary>
/// <remarks>Not thread-safe; belongs to one pass or stream.</remarks>
sealed class SubSampleState(SubSampleConvState conv0, SubSampleConvState conv1) : IDisposable
{
    /// <summary>Of the convolution over mel frames.</summary>
    public SubSampleConvState Conv0 { get; } = conv0;

    /// <summary>Of the convolution over the first one's rows.</summary>
    public SubSampleConvState Conv1 { get; } = conv1;

    /// <summary>Starts another clip.</summary>
    public void Reset()
    {
        Conv0.Reset();
        Conv1.Reset();
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Conv0.Dispose();
        Conv1.Dispose();
    }
}

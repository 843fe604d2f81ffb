namespace GemmaSharp.Model.Audio;

/// <summary>How far a sub-sampling convolution has come in a clip, and the sums that its cumulative norm carries on.</summary>
/// <param name="clips">Clips of the batch.</param>
/// <param name="clip">Which of them it is.</param>
/// <param name="rows">Rows that the convolution makes of it.</param>
/// <remarks>One pass at a time; not thread-safe.</remarks>
sealed class ConvolutionProgress(int clips, int clip, int rows)
{
    /// <summary>Clips of the batch.</summary>
    public int Clips => clips;

    /// <summary>Rows of one clip.</summary>
    public int Rows => rows;

    /// <summary>Rows made so far.</summary>
    public int Done { get; set; }

    /// <summary>The next row's number in the batch.</summary>
    public int Next => clip * rows + Done;

    /// <summary>Sum of all values so far.</summary>
    public double Sum { get; set; }

    /// <summary>Sum of their squared deviations, each from the mean up to its own row.</summary>
    public double Deviation { get; set; }
}

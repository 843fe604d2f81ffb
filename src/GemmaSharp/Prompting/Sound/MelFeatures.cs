namespace GemmaSharp.Prompting.Sound;

/// <summary>Log-mel features of one clip, or of several padded to the same length.</summary>
/// <param name="Values"><c>[Clips, Frames, Bands]</c>, natural logarithms.</param>
/// <param name="Frames">Frames of each clip, padding included; at least 1.</param>
/// <param name="Bands">Mel bands of a frame.</param>
/// <param name="ValidFrames"><c>[Clips]</c>: the frames of each clip that start on a real sample; they come first, padding follows.</param>
sealed record MelFeatures(float[] Values, int Frames, int Bands, int[] ValidFrames)
{
    /// <summary>Number of clips.</summary>
    public int Clips => ValidFrames.Length;
}

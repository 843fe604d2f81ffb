namespace GemmaSharp.Media;

/// <summary>How many bytes of samples a file holds: what its header says, unless what follows shows that nobody came back to fill that in.</summary>
internal static class SampleExtent
{
    // Of a file whose sizes agree, less than this part more is some program's scraps.
    const int ScrapsShare = 32;

    /// <summary>The bytes of samples from the stream's position on.</summary>
    /// <param name="stream">At the first sample.</param>
    /// <param name="said">What the header says.</param>
    /// <param name="isConfirmed">Whether another number in the file says the same.</param>
    /// <param name="isPiped">Whether the header says that nothing is known, which is no cause for a notice.</param>
    /// <param name="behind">Tells what lies behind samples that end at a place.</param>
    /// <param name="sink">Told what is not as the header says.</param>
    public static long Of(Stream stream, long said, bool isConfirmed, bool isPiped, Func<long, ChunkTail> behind, AudioSink sink)
    {
        if (!stream.CanSeek)
        {
            return said == 0 ? long.MaxValue : said;
        }

        long start = stream.Position, rest = stream.Length - start;
        if (said >= rest)
        {
            return said;
        }

        ChunkTail tail = behind(start + said);
        stream.Position = start;
        if (tail == ChunkTail.Recording)
        {
            sink.Notice($"{sink.Name}: another recording follows the first in the same file and was left out; pass it as a file of its own.");
        }

        if (tail != ChunkTail.Other)
        {
            return said;
        }

        if (isConfirmed && rest - said < said / ScrapsShare)
        {
            sink.Notice($"{sink.Name}: {rest - said} bytes behind the samples belong to nothing and were left out.");
            return said;
        }

        if (!isPiped)
        {
            sink.Notice($"{sink.Name} says {said} bytes of samples and {rest} follow, as where a recording was broken off; all of them were used.");
        }

        return rest;
    }
}

namespace GemmaSharp.Media;

/// <summary>Takes a chain of recordings in one Ogg file apart.</summary>
/// <remarks>
/// A recording begins with the first pages of its streams, all of them before any other page, so that a first page behind others begins the next recording,
/// even where the serial number is the same again or the last page of the one before is missing. Source: RFC 3533 §4.
/// </remarks>
internal static class OggLinks
{
    /// <summary>The recordings, in order; one that has no first page is the file as it is.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Of(ReadOnlyMemory<byte> bytes)
    {
        List<ReadOnlyMemory<byte>> links = [];
        ReadOnlySpan<byte> all = bytes.Span;
        int start = 0;
        bool hasOthers = false;
        for (int at = OggPage.Find(all, 0); at >= 0;)
        {
            OggPage page = OggPage.Read(all, at);
            if (page.IsGood && page.IsFirst && hasOthers)
            {
                links.Add(bytes[start..at]);
                (start, hasOthers) = (at, false);
            }

            hasOthers |= page.IsGood && !page.IsFirst;
            at = OggPage.Find(all, at + (page.IsGood ? page.Size : 4));
        }

        links.Add(bytes[start..]);
        return links;
    }
}

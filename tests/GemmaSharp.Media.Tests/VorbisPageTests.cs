namespace GemmaSharp.Media.Tests;

/// <summary>Ogg Vorbis whose pages are not as they were written.</summary>
public class VorbisPageTests
{
    static readonly MediaOptions s_options = new() { FfmpegPath = "" };

    static List<byte[]> Pages(string name)
    {
        byte[] file = File.ReadAllBytes(TestFiles.Fixture(name));
        List<byte[]> pages = [];
        for (int at = 0; at < file.Length;)
        {
            OggPage page = OggPage.Read(file, at);
            pages.Add(file[at..(at + page.Size)]);
            at += page.Size;
        }

        return pages;
    }

    static AudioContent Read(IEnumerable<byte[]> pages) => AudioReader.Read((byte[])[.. pages.SelectMany(page => page)], "pages.ogg", s_options);

    [Theory]
    [InlineData("mono.ogg")]
    [InlineData("stereo.ogg")]
    [InlineData("long.ogg")]
    public void Read_PageTwice_IsTheSoundWithANotice(string name)
    {
        List<byte[]> pages = Pages(name);
        AudioContent whole = Read(pages);
        Assert.Empty(whole.Notices);
        for (int twice = 2; twice < pages.Count; twice++)
        {
            // The page behind the last one is not looked at any more.
            AudioContent content = Read([.. pages[..twice], pages[twice], .. pages[twice..]]);
            Assert.Equal(whole.Clips[0].Samples, content.Clips[0].Samples);
            Assert.Equal(twice == pages.Count - 1 ? 0 : 1, content.Notices.Count);
        }
    }

    [Fact]
    public void Read_EveryPageInAnotherPlace_Ends()
    {
        List<byte[]> pages = Pages("long.ogg");
        for (int from = 2; from < pages.Count; from++)
        {
            for (int to = 2; to < pages.Count; to++)
            {
                List<byte[]> moved = [.. pages];
                moved.RemoveAt(from);
                moved.Insert(to, pages[from]);
                Assert.NotEmpty(Read(moved).Clips);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(5)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void Read_LastPageOfAnyPlace_KeepsWhatItHas(long granule)
    {
        List<byte[]> pages = Pages("mono.ogg");
        int samples = Read(pages).Clips[0].Samples.Length;
        BitConverter.TryWriteBytes(pages[^1].AsSpan(6), granule);
        OggFile.Sum(pages[^1]);
        Assert.InRange(Read(pages).Clips[0].Samples.Length, samples, samples + 8192);
    }

    [Fact]
    public void Read_CommentThatSaysItHasGigabytes_IsLeftOut()
    {
        List<byte[]> pages = Pages("mono.ogg");
        float[] samples = Read(pages).Clips[0].Samples;
        int at = pages[1].AsSpan().IndexOf("\u0003vorbis"u8);
        BitConverter.TryWriteBytes(pages[1].AsSpan(at + 7), 0x7FFF_FFF0);
        OggFile.Sum(pages[1]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(samples, Read(pages).Clips[0].Samples);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    /// <summary>Writes Ogg's checksum: it is the remainder of the page by its polynomial, the four bytes of the checksum being zero.</summary>
    static class OggFile
    {
        public static void Sum(byte[] page)
        {
            page.AsSpan(22, 4).Clear();
            uint crc = 0;
            foreach (byte value in page)
            {
                crc ^= (uint)value << 24;
                for (int bit = 0; bit < 8; bit++)
                {
                    crc = (crc << 1) ^ ((crc >> 31) * 0x04C11DB7);
                }
            }

            BitConverter.TryWriteBytes(page.AsSpan(22), crc);
        }
    }
}

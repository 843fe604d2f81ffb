using System.Buffers.Binary;

namespace GemmaSharp.Media.Tests;

/// <summary>Several recordings one behind the other in an Ogg file.</summary>
public class OggChainTests
{
    static readonly MediaOptions s_options = new() { FfmpegPath = "" };

    static byte[] File(string name) => System.IO.File.ReadAllBytes(TestFiles.Fixture(name));

    static float[] Samples(string name) => AudioReader.Read(File(name), name, s_options).Clips[0].Samples;

    [Theory]
    [InlineData("stereo.opus", "mono.opus", "long.opus")]
    [InlineData("mono.opus", "stereo.opus", "stereo.opus")]
    [InlineData("stereo.ogg", "mono.ogg", "long.ogg")]
    [InlineData("mono.ogg", "mono.ogg")]
    [InlineData("mono.ogg", "stereo.opus", "stereo.ogg", "mono.opus")]
    public void Read_Chain_GivesEveryRecordingInOrder(params string[] names)
    {
        AudioContent content = AudioReader.Read((byte[])[.. names.SelectMany(File)], "chain.ogg", s_options);
        float[] samples = content.Clips[0].Samples;
        Assert.Empty(content.Notices);
        int at = 0;
        foreach (string name in names)
        {
            // At the seams the resampler sees both sides.
            float[] expected = Samples(name);
            for (int i = 200; i < expected.Length - 200; i++)
            {
                Assert.Equal(expected[i], samples[at + i], 1e-4);
            }

            at += expected.Length;
        }

        Assert.InRange(samples.Length, at - names.Length, at + names.Length);
    }

    [Fact]
    public void Read_ChainWithAPieceAcrossTheSeam_IsThatOfTheWhole()
    {
        using MediaLoader loader = new(s_options);
        byte[] chain = [.. File("mono.ogg"), .. File("stereo.opus"), .. File("mono.ogg")];
        float[] whole = loader.LoadAudio(chain).Clips[0].Samples;
        foreach ((double start, double length) in ((double, double)[])[(0.4, 0.2), (0.6, 0.1), (0.45, 0.65), (0.9, 9)])
        {
            AudioWindow window = new(TimeSpan.FromSeconds(start), TimeSpan.FromSeconds(length));
            int first = (int)Math.Round(start * 16000), last = Math.Min(whole.Length, first + (int)Math.Round(length * 16000));
            Assert.Equal(whole[first..last], loader.LoadAudio(chain, "chain.ogg", window).Clips[0].Samples);
        }
    }

    [Fact]
    public void Read_ChainWhoseFirstRecordingWasBrokenOff_GoesOn()
    {
        byte[] first = File("long.opus");
        byte[] chain = [.. first[..(first.Length / 2)], .. File("mono.opus")];
        AudioContent content = AudioReader.Read(chain, "chain.opus", s_options);
        Assert.InRange(content.Clips[0].Samples.Length, 8000 + 8000, 8000 + 48_000);
        float[] expected = Samples("mono.opus");
        Assert.All(expected[200..].Zip(content.Clips[0].Samples[^7800..]), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        Assert.Contains(content.Notices, notice => notice.Contains("ends before its last page", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_CutInsideAPage_IsCutAndNotDamaged()
    {
        byte[] bytes = File("long.opus");
        AudioContent content = AudioReader.Read(bytes.AsMemory(0, bytes.Length * 7 / 10), "cut.opus", s_options);
        Assert.Equal("cut.opus ends before its last page; what is there was used.", Assert.Single(content.Notices));
    }

    [Fact]
    public void Read_ChainDamaged_IsReadOrRefused()
    {
        byte[] chain = [.. File("mono.opus"), .. File("mono.ogg"), .. File("stereo.opus")];
        Damage.Check(chain, 60, bytes => AudioReader.Read(bytes, "chain.ogg", s_options));
    }

    [Fact]
    public void Read_RecordingThatCannotBeDecoded_IsLeftOutWithANotice()
    {
        // A stream of another kind, with a page that is the first and one that is the last.
        byte[] other = [.. Page(2, 7, [.. "\u0080theora"u8, .. new byte[40]]), .. Page(4, 7, new byte[100])];
        AudioContent content = AudioReader.Read((byte[])[.. File("mono.opus"), .. other, .. File("mono.opus")], "chain.opus", s_options);
        Assert.Equal(16_000, content.Clips[0].Samples.Length);
        Assert.Contains("recording 2 of 3 was left out", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TooManyTogether_AreRefused()
    {
        byte[] chain = [.. File("mono.opus"), .. File("mono.ogg"), .. File("mono.opus")];
        MediaOptions narrow = s_options with { MaxAudio = TimeSpan.FromSeconds(1.2) };
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(chain, "chain.opus", narrow));
        Assert.Contains("1.2 s are allowed", error.Message, StringComparison.Ordinal);
    }

    static byte[] Page(byte flags, uint serial, byte[] data)
    {
        byte[] page = [.. "OggS"u8, 0, flags, .. new byte[8], .. WavFile.UInt32(serial), .. new byte[8], 1, (byte)data.Length, .. data];
        uint crc = 0;
        foreach (byte value in page)
        {
            crc ^= (uint)value << 24;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc << 1) ^ ((crc & 0x8000_0000) != 0 ? 0x04C1_1DB7u : 0);
            }
        }

        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(22), crc);
        return page;
    }
}

using System.Buffers.Binary;

namespace GemmaSharp.Media.Tests;

public class WavTests
{
    static readonly MediaOptions s_options = new() { FfmpegPath = "" };

    static float[] Read(byte[] file) => AudioReader.Read(file, "test.wav", s_options).Clips[0].Samples;

    static byte[] Bytes(params int[] values) => [.. values.Select(value => (byte)value)];

    [Fact]
    public void Read_EveryIntegerWidth_IsDividedByItsFullScale()
    {
        Assert.Equal<float[]>([-1, 0, 127 / 128f], Read(WavFile.Write(1, 8, 1, 16000, Bytes(0, 128, 255))));
        Assert.Equal<float[]>([-1, 32767 / 32768f, 1 / 32768f], Read(WavFile.Write(1, 16, 1, 16000, Bytes(0, 0x80, 0xFF, 0x7F, 1, 0))));
        Assert.Equal<float[]>([-1, 8388607 / 8388608f, -1 / 8388608f], Read(WavFile.Write(1, 24, 1, 16000, Bytes(0, 0, 0x80, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF))));
        Assert.Equal<float[]>([-1, 0.5f, 1 / 2147483648f], Read(WavFile.Write(1, 32, 1, 16000, Bytes(0, 0, 0, 0x80, 0, 0, 0, 0x40, 1, 0, 0, 0))));
    }

    [Fact]
    public void Read_FloatsOfBothWidths_AreTakenAsTheyAre()
    {
        byte[] singles = [.. ((float[])[0.1f, -1.5f, 0]).SelectMany(BitConverter.GetBytes)];
        byte[] doubles = [.. ((double[])[0.1, -1.5, 1e-30]).SelectMany(BitConverter.GetBytes)];
        Assert.Equal<float[]>([0.1f, -1.5f, 0], Read(WavFile.Write(3, 32, 1, 16000, singles)));
        Assert.Equal<float[]>([0.1f, -1.5f, 1e-30f], Read(WavFile.Write(3, 64, 1, 16000, doubles)));
    }

    /// <summary>Corner values of ITU-T G.711.</summary>
    [Fact]
    public void Read_CompandedLaws_GiveTheTablesValues()
    {
        float[] aLaw = Read(WavFile.Write(6, 8, 1, 16000, Bytes(0xD5, 0x55, 0xAA, 0x2A, 0x80)));
        Assert.Equal<float[]>([8, -8, 32256, -32256, 5504], [.. aLaw.Select(value => value * 32768)]);
        float[] muLaw = Read(WavFile.Write(7, 8, 1, 16000, Bytes(0xFF, 0x7F, 0x80, 0x00, 0xF0)));
        Assert.Equal<float[]>([0, 0, 32124, -32124, 120], [.. muLaw.Select(value => value * 32768)]);
    }

    [Fact]
    public void Read_Extensible_FollowsTheSubformat()
    {
        byte[] singles = [.. ((float[])[0.25f, -0.5f]).SelectMany(BitConverter.GetBytes)];
        Assert.Equal<float[]>([0.25f, -0.5f], Read(WavFile.Write(3, 32, 1, 16000, singles, validBits: 32)));

        // 20 valid bits in three bytes stand in the upper ones.
        Assert.Equal<float[]>([0.5f, -1], Read(WavFile.Write(1, 24, 1, 16000, Bytes(0, 0, 0x40, 0, 0, 0x80), validBits: 20)));
    }

    [Fact]
    public void Read_SeveralChannels_AreAveraged()
    {
        Assert.Equal<float[]>([0.25f, 0], Read(WavFile.Write(1, 16, 2, 16000, Bytes(0, 0x40, 0, 0, 0, 0x40, 0, 0xC0))));
        Assert.Equal<float[]>([0.25f], Read(WavFile.Write(1, 8, 6, 16000, Bytes(160, 160, 160, 160, 160, 160))));
    }

    [Fact]
    public void Read_BigEndian_IsUnderstood()
    {
        byte[] file = [.. "RIFX"u8, 0, 0, 0, 40, .. "WAVEfmt "u8, 0, 0, 0, 16, 0, 1, 0, 1, 0, 0, 0x3E, 0x80, 0, 0, 0x7D, 0, 0, 2, 0, 16, .. "data"u8, 0, 0, 0, 4, 0x40, 0, 0x80, 0];
        Assert.Equal<float[]>([0.5f, -1], Read(file));
    }

    [Fact]
    public void Read_OddChunksInAnyOrder_AreSteppedOver()
    {
        byte[] data = Bytes(0, 0x40, 0, 0x80);
        byte[] padded = WavFile.Riff("RIFF", WavFile.Chunk("LIST", [1, 2, 3]), WavFile.Format(1, 16, 1, 16000), WavFile.Chunk("junk", []), WavFile.Chunk("data", data), WavFile.Chunk("id3 ", [1]));
        Assert.Equal<float[]>([0.5f, -1], Read(padded));

        // The same without the padding byte that some programs forget.
        byte[] unpadded = WavFile.Riff("RIFF", WavFile.Chunk("LIST", [1, 2, 3])[..^1], WavFile.Format(1, 16, 1, 16000), WavFile.Chunk("data", data));
        Assert.Equal<float[]>([0.5f, -1], Read(unpadded));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(uint.MaxValue)]
    public void Read_SizesThatAPipeLeft_MeanToTheEnd(uint size)
    {
        byte[] file = WavFile.Riff("RIFF", WavFile.Format(1, 16, 1, 16000), WavFile.Chunk("data", Bytes(0, 0x40, 0, 0x80), size));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(4), size);
        AudioContent content = AudioReader.Read(file);
        Assert.Equal<float[]>([0.5f, -1], content.Clips[0].Samples);
        Assert.Empty(content.Notices);
    }

    [Fact]
    public void Read_WideSizes_AreThoseOfTheirOwnChunk()
    {
        byte[] sizes = [.. new byte[8], 2, 0, 0, 0, 0, 0, 0, 0, .. new byte[12]];
        byte[] file = WavFile.Riff("RF64", WavFile.Chunk("ds64", sizes), WavFile.Format(1, 16, 1, 16000), WavFile.Chunk("data", Bytes(0, 0x40, 0, 0x80), uint.MaxValue));
        Assert.Equal<float[]>([0.5f], Read(file));
    }

    [Fact]
    public void Read_DataThatEndsEarly_IsUsedWithANotice()
    {
        byte[] file = WavFile.Riff("RIFF", WavFile.Format(1, 16, 2, 16000), WavFile.Chunk("data", Bytes(0, 0x40, 0, 0x40, 7), 4000));
        AudioContent content = AudioReader.Read(file.AsMemory(0, file.Length - 1), "cut.wav");
        Assert.Equal<float[]>([0.5f], content.Clips[0].Samples);
        Assert.Equal("cut.wav says 4000 bytes of samples and holds 5; what is there was used.", Assert.Single(content.Notices));
    }

    [Fact]
    public void Read_ValuesThatAreNoLevels_BecomeSilenceWithANotice()
    {
        byte[] data = [.. ((float[])[float.NaN, 0.5f, float.PositiveInfinity, 1e20f]).SelectMany(BitConverter.GetBytes)];
        AudioContent content = AudioReader.Read(WavFile.Write(3, 32, 1, 16000, data), "odd.wav");
        Assert.Equal<float[]>([0, 0.5f, 0, 0], content.Clips[0].Samples);
        Assert.Contains("3 sample value(s)", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[]> Broken => new()
    {
        { "no data chunk", WavFile.Riff("RIFF", WavFile.Format(1, 16, 1, 16000)) },
        { "before its format", WavFile.Riff("RIFF", WavFile.Chunk("data", [1, 2])) },
        { "0 channels", WavFile.Write(1, 16, 0, 16000, [1, 2]) },
        { "300 channels", WavFile.Write(1, 16, 300, 16000, [1, 2]) },
        { "0 samples per second", WavFile.Write(1, 16, 1, 0, [1, 2]) },
        { "1 samples per second and 1000", WavFile.Write(1, 16, 1, 1, [1, 2]) },
        { "999 samples per second", WavFile.Write(1, 16, 1, 999, [1, 2]) },
        { "2000000 samples per second", WavFile.Write(1, 16, 1, 2_000_000, [1, 2]) },
        { "0 bits", WavFile.Write(1, 0, 1, 16000, [1, 2]) },
        { "64 bits", WavFile.Write(1, 64, 1, 16000, new byte[8]) },
        { "16 bits", WavFile.Write(3, 16, 1, 16000, [1, 2]) },
        { "holds no sound", WavFile.Write(1, 16, 1, 16000, []) },
        { "middle of its format", [.. "RIFF"u8, 9, 0, 0, 0, .. "WAVEfmt "u8, 16, 0, 0, 0, 1, 0, 1, 0] },
        { "needs the program ffmpeg", WavFile.Write(2, 4, 1, 16000, [1, 2, 3, 4]) },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void Read_Malformed_SaysWhatIsWrong(string expected, byte[] file)
    {
        MediaException error = Assert.Throws<MediaException>(() => Read(file));
        Assert.StartsWith("test.wav", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_HeaderOfAVeryLongSound_IsRefusedByItsSizes()
    {
        // One byte a sample, a thousand samples a second: a small file would become 64 times its size at 16 kHz.
        byte[] file = WavFile.Write(1, 8, 1, 1000, new byte[6_000_000]);
        MediaException error = Assert.Throws<MediaException>(() => Read(file));
        Assert.Contains("100 min 0 s long and 60 min 0 s are allowed", error.Message, StringComparison.Ordinal);
    }
}

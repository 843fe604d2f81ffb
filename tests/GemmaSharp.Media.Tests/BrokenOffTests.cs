using System.Buffers.Binary;

namespace GemmaSharp.Media.Tests;

/// <summary>Recordings whose program was ended before it filled in the sizes.</summary>
public class BrokenOffTests
{
    static readonly MediaOptions s_options = new() { FfmpegPath = "" };

    // 4,000 frames of a tone, 16 bits.
    static readonly short[] s_tone = [.. Enumerable.Range(0, 4000).Select(i => (short)(8000 * Math.Sin(i * 0.1)))];

    static byte[] Samples(bool isBig)
    {
        byte[] bytes = new byte[s_tone.Length * 2];
        for (int i = 0; i < s_tone.Length; i++)
        {
            if (isBig)
            {
                BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(2 * i), s_tone[i]);
            }
            else
            {
                BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(2 * i), s_tone[i]);
            }
        }

        return bytes;
    }

    static byte[] Wav(uint riff, uint data, params byte[][] before)
    {
        byte[] file = WavFile.Riff("RIFF", [WavFile.Format(1, 16, 1, 16000), .. before, WavFile.Chunk("data", Samples(false), data)]);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(4), riff);
        return file;
    }

    static void IsWhole(AudioContent content, bool isTold)
    {
        Assert.Equal([.. s_tone.Select(value => value / 32768f)], content.Clips[0].Samples);
        if (isTold)
        {
            Assert.Contains("broken off", Assert.Single(content.Notices), StringComparison.Ordinal);
        }
        else
        {
            Assert.Empty(content.Notices);
        }
    }

    [Theory]
    [InlineData(36u, 0u, true)]
    [InlineData(4088u, 0u, true)]
    [InlineData(1_000_000u, 0u, true)]
    [InlineData(0u, 0u, false)]
    [InlineData(uint.MaxValue, 0u, false)]
    [InlineData(36u, uint.MaxValue, false)]
    [InlineData(36u, 2000u, true)]
    [InlineData(2036u, 2000u, true)]
    [InlineData(0u, 2000u, true)]
    [InlineData(uint.MaxValue, 2001u, true)]
    [InlineData(7000u, 6000u, true)]
    [InlineData(36u, 8000u, false)]
    public void ReadWav_AnySizes_GivesEverySample(uint riff, uint data, bool isTold) =>
        IsWhole(AudioReader.Read(Wav(riff, data, WavFile.Chunk("FLLR", new byte[500])), "killed.wav", s_options), isTold);

    [Theory]
    [InlineData(0ul, true)]
    [InlineData(3000ul, true)]
    [InlineData(8000ul, false)]
    public void ReadRf64_AnySizes_GivesEverySample(ulong wide, bool isTold)
    {
        byte[] sizes = new byte[28];
        BinaryPrimitives.WriteUInt64LittleEndian(sizes.AsSpan(8), wide);
        byte[] file = WavFile.Riff(
            "RF64", WavFile.Chunk("ds64", sizes), WavFile.Format(1, 16, 1, 16000), WavFile.Chunk("data", Samples(false), uint.MaxValue));
        IsWhole(AudioReader.Read(file, "killed.wav", s_options), isTold);
    }

    public static TheoryData<byte[]> Tails => new()
    {
        WavFile.Chunk("LIST", [1, 2, 3, 4]),
        WavFile.Chunk("abcd", new byte[300]),
        new byte[600],
        (byte[])[.. "LIST"u8, 200, 0, 0, 0, 1, 2],
        (byte[])[.. "TAG"u8, .. new byte[125]],
        (byte[])[1, 2, 3],
    };

    [Theory]
    [MemberData(nameof(Tails))]
    public void ReadWav_WhatIsNoSound_IsNotHeard(byte[] tail) =>
        IsWhole(AudioReader.Read((byte[])[.. Wav(36 + 8000, 8000), .. tail], "good.wav", s_options), false);

    [Fact]
    public void ReadWav_ScrapsBehindAWholeFile_AreLeftOutWithANotice()
    {
        AudioContent content = AudioReader.Read((byte[])[.. Wav(36 + 8000, 8000), .. Enumerable.Repeat((byte)200, 100)], "good.wav", s_options);
        Assert.Equal(4000, content.Clips[0].Samples.Length);
        Assert.Contains("100 bytes behind the samples belong to nothing", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadWav_TwoFilesInOne_SaysThatTheSecondIsLeftOut()
    {
        byte[] one = Wav(36 + 8000, 8000);
        AudioContent content = AudioReader.Read((byte[])[.. one, .. one], "two.wav", s_options);
        Assert.Equal(4000, content.Clips[0].Samples.Length);
        Assert.Contains("another recording follows", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadWav_NothingRecorded_IsRefused()
    {
        foreach (byte[] tail in (byte[][])[[], WavFile.Chunk("LIST", [1, 2, 3, 4])])
        {
            byte[] file = [.. WavFile.Riff("RIFF", WavFile.Format(1, 16, 1, 16000), WavFile.Chunk("data", [], 0)), .. tail];
            MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(file, "empty.wav", s_options));
            Assert.Contains("holds no sound", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(4000u, 8008u, false)]
    [InlineData(0u, 8008u, true)]
    [InlineData(0u, 0u, true)]
    [InlineData(0u, 8u, true)]
    [InlineData(1000u, 2008u, true)]
    [InlineData(1000u, 8008u, true)]
    public void ReadAiff_AnySizes_GivesEverySample(uint frames, uint size, bool isTold)
    {
        byte[] common = [0, 1, .. Big(frames), 0, 16, 0x40, 0x0C, 0xFA, 0, 0, 0, 0, 0, 0, 0];
        byte[] body = [.. "AIFFCOMM"u8, .. Big((uint)common.Length), .. common, .. "SSND"u8, .. Big(size), .. new byte[8], .. Samples(true)];
        byte[] file = [.. "FORM"u8, .. Big(0), .. body];
        IsWhole(AudioReader.Read(file, "killed.aiff", s_options), isTold);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(3000, true)]
    [InlineData(8000, false)]
    [InlineData(long.MaxValue - 24, false)]
    public void ReadWave64_AnySizes_GivesEverySample(long size, bool isTold)
    {
        byte[] guid = [.. "riff"u8, .. new byte[12]];
        byte[] format = WavFile.Format(1, 16, 1, 16000)[8..];
        byte[] head = [.. guid, .. new byte[8], .. "wave"u8, .. new byte[12]];
        byte[] file =
        [
            .. head, .. "fmt "u8, .. new byte[12], .. BitConverter.GetBytes(24L + format.Length), .. format,
            .. "data"u8, .. new byte[12], .. BitConverter.GetBytes(24 + size), .. Samples(false),
        ];
        IsWhole(AudioReader.Read(file, "killed.w64", s_options), isTold);
        byte[] more = [.. file, .. "list"u8, .. new byte[12], .. BitConverter.GetBytes(32L), .. new byte[8]];
        if (size == 8000)
        {
            IsWhole(AudioReader.Read(more, "whole.w64", s_options), false);
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(4, true)]
    [InlineData(-1, false)]
    [InlineData(3004, true)]
    [InlineData(8004, false)]
    public void ReadCaf_AnySizes_GivesEverySample(long size, bool isTold)
    {
        byte[] rate = new byte[8], data = new byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(rate, 16000);
        BinaryPrimitives.WriteInt64BigEndian(data, size);
        byte[] file =
        [
            .. "caff"u8, 0, 1, 0, 0, .. "desc"u8, .. new byte[7], 32, .. rate, .. "lpcm"u8, .. Big(2), .. Big(2), .. Big(1), .. Big(1), .. Big(16),
            .. "data"u8, .. data, 0, 0, 0, 0, .. Samples(false),
        ];
        IsWhole(AudioReader.Read(file, "killed.caf", s_options), isTold);
        if (size == 8004)
        {
            IsWhole(AudioReader.Read((byte[])[.. file, .. "free"u8, .. new byte[7], 5, .. new byte[5]], "whole.caf", s_options), false);
        }
    }

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(-1)]
    [InlineData(31)]
    [InlineData(long.MaxValue)]
    public void ReadCaf_FormatOfAnySize_IsRefused(long size)
    {
        byte[] rate = new byte[8], length = new byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(rate, 16000);
        BinaryPrimitives.WriteInt64BigEndian(length, size);
        byte[] file = [.. "caff"u8, 0, 1, 0, 0, .. "desc"u8, .. length, .. rate, .. "lpcm"u8, .. Big(2), .. Big(2), .. Big(1), .. Big(1), .. Big(16), .. new byte[64]];
        Assert.Contains("no samples", Assert.Throws<MediaException>(() => AudioReader.Read(file, "bad.caf", s_options)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0u, true)]
    [InlineData(3000u, true)]
    [InlineData(8000u, false)]
    [InlineData(uint.MaxValue, false)]
    public void ReadAu_AnySizes_GivesEverySample(uint size, bool isTold)
    {
        byte[] file = [.. ".snd"u8, .. Big(28), .. Big(size), .. Big(3), .. Big(16000), .. Big(1), 0, 0, 0, 0, .. Samples(true)];
        IsWhole(AudioReader.Read(file, "killed.au", s_options), isTold);
    }

    [Theory]
    [InlineData("caf")]
    [InlineData("au")]
    [InlineData("w64")]
    public void Read_CutOff_IsTold(string format)
    {
        byte[] rate = new byte[8], data = new byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(rate, 16000);
        BinaryPrimitives.WriteInt64BigEndian(data, 9004);
        byte[] file = format switch
        {
            "au" => [.. ".snd"u8, .. Big(24), .. Big(9000), .. Big(3), .. Big(16000), .. Big(1), .. Samples(true)],
            "caf" =>
            [
                .. "caff"u8, 0, 1, 0, 0, .. "desc"u8, .. new byte[7], 32, .. rate, .. "lpcm"u8, .. Big(0), .. Big(2), .. Big(1), .. Big(1), .. Big(16),
                .. "data"u8, .. data, 0, 0, 0, 0, .. Samples(true),
            ],
            _ =>
            [
                .. "riff"u8, .. new byte[20], .. "wave"u8, .. new byte[12], .. "fmt "u8, .. new byte[12], .. BitConverter.GetBytes(40L),
                .. WavFile.Format(1, 16, 1, 16000)[8..], .. "data"u8, .. new byte[12], .. BitConverter.GetBytes(9024L), .. Samples(false),
            ],
        };
        AudioContent content = AudioReader.Read(file, "cut." + format, s_options);
        Assert.Equal(4000, content.Clips[0].Samples.Length);
        Damage.Check(file, 300, bytes => AudioReader.Read(bytes, "hurt." + format, s_options));
        Assert.Equal($"cut.{format} says 9000 bytes of samples and holds 8000; what is there was used.", Assert.Single(content.Notices));
    }

    static byte[] Big(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}

using System.Diagnostics;

namespace GemmaSharp.Media.Tests;

/// <summary>MPEG audio of every rate and layer beside what ffmpeg makes of it, and files that were joined, cut or begin within a frame.</summary>
public sealed class Mp3Tests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("gemma mp3").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<int, int, string> Layer3()
    {
        TheoryData<int, int, string> data = [];
        foreach (int rate in (int[])[8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
        {
            data.Add(rate, 1, "-b:a 32k");
            data.Add(rate, 2, "-b:a 64k -joint_stereo 1");
            data.Add(rate, 2, "-b:a 320k -joint_stereo 0");
            data.Add(rate, 2, "-q:a 6");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Layer3))]
    public void Read_Layer3_IsWhatFfmpegDecodes(int rate, int channels, string settings)
    {
        string path = Encode("sound.mp3", rate, channels, "-c:a libmp3lame -write_xing 0 " + settings);
        Same(path, "mp3float");
    }

    [Theory]
    [InlineData(16_000, 1, "mp2", "32k")]
    [InlineData(22_050, 2, "mp2", "160k")]
    [InlineData(24_000, 2, "mp2", "48k")]
    [InlineData(32_000, 1, "mp2", "48k")]
    [InlineData(32_000, 2, "mp2", "160k")]
    [InlineData(32_000, 2, "mp2", "192k")]
    [InlineData(44_100, 1, "mp2", "48k")]
    [InlineData(44_100, 2, "mp2", "128k")]
    [InlineData(44_100, 2, "mp2", "384k")]
    [InlineData(48_000, 1, "mp2", "32k")]
    [InlineData(48_000, 2, "mp2", "256k")]
    public void Read_Layer2_IsWhatFfmpegDecodes(int rate, int channels, string encoder, string bits)
    {
        string path = Encode("sound.mp2", rate, channels, $"-c:a {encoder} -b:a {bits}");
        Same(path, "mp2float");
    }

    /// <summary>No encoder of Layer I is at hand, so its frames are made of random numbers.</summary>
    [Theory]
    [InlineData(0xFFFF_8400u)]
    [InlineData(0xFFFF_6040u)]
    [InlineData(0xFFFF_7060u)]
    [InlineData(0xFFFF_80C0u)]
    [InlineData(0xFFF7_8400u)]
    [InlineData(0xFFF7_9850u)]
    public void Read_Layer1_IsWhatFfmpegDecodes(uint head)
    {
        InstalledFfmpeg.OrSkip();
        Random random = new((int)(head & 0xFFFF));
        MpegHeader header = new(head);
        List<byte> bytes = [];
        for (int frame = 0; frame < 30; frame++)
        {
            BitWriter bits = new();
            bits.Write((int)(head >> 16), 16);
            bits.Write((int)(head & 0xFFFF), 16);
            int bound = header.IsJoint ? 4 * (header.ModeExtension + 1) : 32;
            int room = (header.Bytes - 4) * 8;
            int[] counts = new int[64];
            for (int band = 0; band < 32; band++)
            {
                for (int channel = 0; channel < header.Channels; channel++)
                {
                    int at = (2 * band) + channel;
                    if (channel == 1 && band >= bound)
                    {
                        counts[at] = counts[at - 1];
                        room -= counts[at] > 0 ? 6 : 0;
                        continue;
                    }

                    // Room is kept for the other allocations and a second scale factor.
                    int code = random.Next(0, 4), cost = code == 0 ? 0 : 12 + (12 * (code + 1));
                    counts[at] = cost > 0 && room - cost > 300 ? code + 1 : 0;
                    room -= 4 + (counts[at] > 0 ? 6 + (12 * counts[at]) : 0);
                    bits.Write(counts[at] > 0 ? counts[at] - 1 : 0, 4);
                }
            }

            foreach (int _ in counts.Where(count => count > 0))
            {
                bits.Write(random.Next(8, 60), 6);
            }

            for (int i = 0; i < 12 * 64; i++)
            {
                int at = i % 64;
                if (counts[at] > 0 && (at % 2 == 0 || at / 2 < bound))
                {
                    bits.Write(random.Next(0, (1 << counts[at]) - 1), counts[at]);
                }
            }

            bytes.AddRange(bits.Bytes(header.Bytes));
        }

        string path = Path.Combine(_folder, "sound.mp1");
        File.WriteAllBytes(path, [.. bytes]);
        Same(path, "mp1float", "-f mp3 ");
    }

    [Fact]
    public void Read_JoinedFiles_AreReadToTheEnd()
    {
        byte[] one = File.ReadAllBytes(TestFiles.Fixture("mono.mp3"));
        float[] single = AudioReader.Read(one).Clips[0].Samples;
        AudioContent joined = AudioReader.Read((byte[])[.. one, .. one, .. "ID3\u0004\0\0"u8, 0, 0, 1, 2, .. new byte[130], .. one]);
        Assert.Empty(joined.Notices);
        float[] samples = joined.Clips[0].Samples;
        Assert.Equal(single[..7000], samples[..7000]);

        // 16 frames of 576 samples in each; the tag's frames of the second and third are silent frames of their own.
        Assert.Equal((3 * 16 * 576) + (2 * 576) - 1105, samples.Length);
        int second = 17 * 576;
        Assert.All(Enumerable.Range(0, 7000), i => Assert.Equal(single[i], samples[second + i], 1e-4f));
    }

    [Fact]
    public void Read_FileShortOfItsCount_SaysSo()
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture("mono.mp3"));
        AudioContent content = AudioReader.Read(bytes.AsMemory(0, bytes.Length / 2), "half.mp3");
        Assert.Contains("half.mp3 is cut short: its header counts 0.58 s", Assert.Single(content.Notices), StringComparison.Ordinal);
        Assert.Empty(AudioReader.Read(bytes, "whole.mp3").Notices);
    }

    [Theory]
    [InlineData("stereo.mp3", 600)]
    [InlineData("mono.mp3", 411)]
    [InlineData("mono-no-tag.mp3", 100)]
    [InlineData("vbr-id3.mp3", 2600)]
    public void Read_StreamFromWithinAFrame_IsFound(string name, int from)
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture(name));
        AudioContent content = AudioReader.Read(bytes.AsMemory(from), name);
        Assert.InRange(content.Clips[0].Samples.Length, 5000, 9200);
        Assert.Contains("before the first whole MP3 frame", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    public static TheoryData<byte[]> Heads() => new(
        "\r\n"u8.ToArray(), [0xFF, 0xFF, 0xFF], "ICY 200 OK\r\nicy-name: Radio\r\nContent-Type: audio/mpeg\r\n\r\n"u8.ToArray(),
        System.Text.Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("A line of text in front.\n", 100))));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Read_StreamBehindOtherBytes_IsFound(byte[] head)
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture("mono.mp3"));
        AudioContent content = AudioReader.Read((byte[])[.. head, .. bytes]);
        Assert.Equal(AudioReader.Read(bytes).Clips[0].Samples, content.Clips[0].Samples);
        Assert.Contains($"{head.Length} byte(s) before", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_WhatIsNoSound_StaysRefused()
    {
        Random random = new(11);
        byte[] picture = File.ReadAllBytes(TestFiles.Golden("images", "rgb.png"));
        Assert.Contains("no format", Assert.Throws<MediaException>(() => AudioReader.Read(picture.AsMemory(60), "tail")).Message, StringComparison.Ordinal);
        for (int i = 0; i < 50; i++)
        {
            byte[] noise = new byte[20_000];
            random.NextBytes(noise);
            noise[0] = 7;
            Assert.Equal(MediaKind.Unknown, MediaFormat.Detect(noise).Kind);
        }

        byte[] text = System.Text.Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("Nothing but words. ", 500)));
        Assert.Equal(MediaKind.Other, MediaFormat.Detect(text).Kind);
    }

    [Fact]
    public void Read_BytesLostBetweenFrames_SaysSo()
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture("mono.mp3"));
        int middle = bytes.Length / 2;
        AudioContent content = AudioReader.Read((byte[])[.. bytes[..middle], .. bytes[(middle + 100)..]], "lossy.mp3");
        Assert.Contains(content.Notices, notice => notice.Contains("between its MP3 frames were passed over", StringComparison.Ordinal));
    }

    /// <summary>Headers everywhere must not make the search for frames slow.</summary>
    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFB, 0x00, 0x00 })]
    [InlineData(new byte[] { 0xFF, 0xFB, 0x90, 0x00 })]
    [InlineData(new byte[] { 0xFF, 0xFB, 0x90, 0x00, 0xFF, 0xF3, 0x10, 0x00, 0xFF, 0xE3, 0x00, 0x00 })]
    [InlineData(new byte[] { 0x49, 0x44, 0x33, 0x04, 0, 0, 0, 0, 0, 0 })]
    public void Read_HeadersWithoutEnd_EndsSoon(byte[] pattern)
    {
        byte[] bytes = [.. Enumerable.Range(0, 4_000_000).Select(i => pattern[i % pattern.Length])];
        Stopwatch time = Stopwatch.StartNew();
        try
        {
            AudioReader.Read(bytes, "headers.mp3");
        }
        catch (MediaException)
        {
            // Most of these are refused, and some are noise.
        }

        Assert.True(time.Elapsed < TimeSpan.FromSeconds(60), $"{time.Elapsed}");
    }

    [Fact]
    public void Read_JoinedOfOtherRatesAndChannels_IsOneBehindTheOther()
    {
        string[] paths =
        [
            Encode("a.mp3", 44100, 2, "-c:a libmp3lame -b:a 128k -write_xing 0"), Encode("b.mp3", 22050, 1, "-c:a libmp3lame -b:a 48k -write_xing 0"),
            Encode("c.mp3", 8000, 1, "-c:a libmp3lame -b:a 16k -write_xing 0"),
        ];
        float[] joined = AudioReader.Read(paths.SelectMany(File.ReadAllBytes).ToArray()).Clips[0].Samples;
        int at = 0;
        foreach (float[] piece in paths.Select(path => AudioReader.Read(path).Clips[0].Samples))
        {
            // Where two meet, what one decoder holds back is lost, and the filters of the other begin anew.
            const int Edge = 1600;
            double worst = piece[Edge..^Edge].Select((value, i) => (double)Math.Abs(value - joined[at + Edge + i])).Max();
            Assert.True(worst < 1e-3, $"{worst}");
            at += piece.Length;
        }

        Assert.InRange(joined.Length, at - 1600, at + 1600);
    }

    string Encode(string name, int rate, int channels, string settings)
    {
        InstalledFfmpeg.OrSkip();
        string path = Path.Combine(_folder, name);
        const string Signal = "0.3*sin(2*PI*(200+800*t)*t)+0.2*(random(0)-0.5)*gt(mod(t\\,0.3)\\,0.2)+0.4*lt(mod(t\\,0.25)\\,0.002)";
        string second = channels == 2 ? "|0.3*sin(2*PI*(200+800*t)*t)+0.2*(random(1)-0.5)*gt(mod(t\\,0.4)\\,0.3)" : "";
        InstalledFfmpeg.Run(["-f", "lavfi", "-i", $"aevalsrc={Signal}{second}:s={rate}:d=1", .. settings.Split(' '), path]);
        return path;
    }

    /// <summary>Compares what is read with what ffmpeg decodes, both as mono at 16 kHz.</summary>
    void Same(string path, string decoder, string form = "")
    {
        string wave = Path.Combine(_folder, "expected.wav");
        InstalledFfmpeg.Run([.. form.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-c:a", decoder, "-i", path, "-c:a", "pcm_f32le", wave]);
        float[] expected = AudioReader.Read(wave).Clips[0].Samples, actual = AudioReader.Read(path).Clips[0].Samples;
        Assert.Equal(expected.Length, actual.Length);
        double worst = expected.Zip(actual, (x, y) => Math.Abs(x - y)).Max();
        Assert.True(worst < 1e-4, $"{worst}");
        Assert.True(expected.Max() > 0.05);
    }

    sealed class BitWriter
    {
        readonly List<bool> _bits = [];

        public void Write(int value, int count)
        {
            for (int i = count - 1; i >= 0; i--)
            {
                _bits.Add(((value >> i) & 1) != 0);
            }
        }

        public byte[] Bytes(int length)
        {
            Assert.True(_bits.Count <= length * 8);
            byte[] bytes = new byte[length];
            for (int i = 0; i < _bits.Count; i++)
            {
                bytes[i / 8] |= (byte)(_bits[i] ? 128 >> (i % 8) : 0);
            }

            return bytes;
        }
    }
}

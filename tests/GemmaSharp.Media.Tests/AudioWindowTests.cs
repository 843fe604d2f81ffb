namespace GemmaSharp.Media.Tests;

/// <summary>Memory of the whole process is only told apart when nothing else runs.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class Alone;

/// <summary>Pieces of long recordings: the same samples as of the whole, and nothing but they is held.</summary>
[Collection(typeof(Alone))]
public sealed class AudioWindowTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("gemma-window-tests").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    static byte[] Noise(int rate, int channels, double seconds)
    {
        byte[] data = new byte[(int)(rate * seconds) * channels * 2];
        new Random(7).NextBytes(data);
        return WavFile.Write(1, 16, channels, rate, data);
    }

    static AudioWindow Piece(double start, double length) => new(TimeSpan.FromSeconds(start), TimeSpan.FromSeconds(length));

    /// <summary>A WAV file of silence that takes no room on the disk.</summary>
    string Sparse(int rate, long seconds)
    {
        string path = Path.Combine(_folder, "long.wav");
        byte[] head = WavFile.Write(1, 16, 1, rate, []);
        BitConverter.TryWriteBytes(head.AsSpan(40), (uint)(2 * rate * seconds));
        using FileStream file = File.Create(path);
        file.Write(head);
        file.SetLength(44 + (2 * rate * seconds));
        return path;
    }

    [Theory]
    [InlineData(16000)]
    [InlineData(8000)]
    [InlineData(44100)]
    [InlineData(48000)]
    [InlineData(22051)]
    [InlineData(11025)]
    public void LoadAudio_Piece_IsThatOfTheWhole(int rate)
    {
        using MediaLoader loader = new();
        byte[] file = Noise(rate, 2, 6);
        float[] whole = loader.LoadAudio(file).Clips[0].Samples;
        foreach ((double start, double length) in ((double, double)[])[(0, 1), (0.001, 0.002), (2.3456, 1.5), (3.9, 100), (5.99, 0.01)])
        {
            float[] piece = loader.LoadAudio(file, "noise.wav", Piece(start, length)).Clips[0].Samples;
            int first = (int)Math.Round(start * 16000), last = (int)Math.Min(whole.Length, first + Math.Round(length * 16000));
            Assert.Equal(whole[first..last], piece);
        }
    }

    [Theory]
    [InlineData("stereo.flac")]
    [InlineData("stereo.aiff")]
    [InlineData("mono.opus")]
    [InlineData("mono.ogg")]
    [InlineData("stereo.mp3")]
    public void LoadAudio_PieceOfAnyFormat_IsThatOfTheWhole(string name)
    {
        using MediaLoader loader = new(new MediaOptions { FfmpegPath = "" });
        byte[] file = File.ReadAllBytes(TestFiles.Fixture(name));
        AudioContent piece = loader.LoadAudio(file, name, Piece(0.02, 0.05));
        Assert.Equal(loader.LoadAudio(file, name).Clips[0].Samples[320..1120], piece.Clips[0].Samples);
        Assert.Empty(piece.Notices);
    }

    [Fact]
    public async Task LoadAudio_PieceOfHours_IsNeitherTooLongNorTooLarge()
    {
        string path = Sparse(48_000, 3 * 3600);
        using MediaLoader loader = new(new MediaOptions { MaxAudio = TimeSpan.FromMinutes(1) });
        long before = GC.GetTotalAllocatedBytes();
        AudioContent content = await loader.LoadAudioAsync(path, Piece(10_000, 10), TestContext.Current.CancellationToken);
        Assert.Equal(160_000, Assert.Single(content.Clips).Samples.Length);
        Assert.Empty(content.Notices);
        Assert.True(GC.GetTotalAllocatedBytes() - before < 32 << 20, $"{GC.GetTotalAllocatedBytes() - before} bytes");
    }

    [Fact]
    public async Task LoadAudio_TooMuch_NamesWhatHelps()
    {
        string path = Sparse(8000, 3900);
        MediaException whole = Assert.Throws<MediaException>(() => AudioReader.Read(path));
        Assert.Contains("65 min 0 s long and 60 min 0 s are allowed", whole.Message, StringComparison.Ordinal);
        Assert.Contains("--max-audio", whole.Message, StringComparison.Ordinal);
        Assert.Contains("--audio-start", whole.Message, StringComparison.Ordinal);

        using MediaLoader loader = new(new MediaOptions { MaxAudio = TimeSpan.FromMinutes(1) });
        MediaException piece = await Assert.ThrowsAsync<MediaException>(
            () => loader.LoadAudioAsync(path, Piece(60, 61), TestContext.Current.CancellationToken));
        Assert.Contains("The piece of long.wav is 61 s long", piece.Message, StringComparison.Ordinal);

        MediaException large = Assert.Throws<MediaException>(() => AudioReader.Read(path, new MediaOptions { MaxFileBytes = 1000 }));
        Assert.Contains("--max-file", large.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadAudio_PieceBehindTheEnd_SaysHowLongTheSoundIs()
    {
        using MediaLoader loader = new();
        MediaException error = await Assert.ThrowsAsync<MediaException>(
            () => loader.LoadAudioAsync(Sparse(8000, 100), Piece(100, 1), TestContext.Current.CancellationToken));
        Assert.Contains("is not in long.wav, which is 100 s long", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1.0, 0.0)]
    [InlineData(1.0, -1.0)]
    [InlineData(-0.5, 1.0)]
    [InlineData(2.0, 1.0)]
    [InlineData(1e9, 1e9)]
    public void LoadAudio_PieceThatCannotBe_IsRefused(double start, double length)
    {
        using MediaLoader loader = new();
        MediaException error = Assert.Throws<MediaException>(() => loader.LoadAudio(Noise(8000, 1, 2), "a.wav", Piece(start, length)));
        Assert.Contains("is not in a.wav", error.Message, StringComparison.Ordinal);
        Assert.Contains("more than nothing", error.Message, StringComparison.Ordinal);
    }
}

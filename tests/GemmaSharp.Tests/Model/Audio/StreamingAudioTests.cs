using CsCheck;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Audio;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Tests.Model.Audio;

public sealed class StreamingAudioTests : IDisposable
{
    static readonly AudioConfig s_config = new()
    {
        InputFeatSize = 16,
        HiddenSize = 16,
        ConfNumAttentionHeads = 2,
        ConfNumHiddenLayers = 3,
        SscpConvChannelSize = [4, 3],
        ConfConvKernelSize = 5,
        ConfAttentionContextLeft = 7,
    };

    readonly AudioCheckpoint _checkpoint = AudioCheckpoint.Create(s_config, seed: 4);
    readonly WorkerTeam _team = new(2);

    AudioTower Tower => _checkpoint.Tower;

    public void Dispose()
    {
        _team.Dispose();
        _checkpoint.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(10)]
    [InlineData(64)]
    [InlineData(100)]
    [InlineData(500)]
    public void Push_PiecesOfOneSize_GivesTheBitsOfTheWholeClip(int piece)
    {
        foreach (int frames in (int[])[1, 2, 6, 7, 16, 17, 63, 64, 65, 97, 187, 300])
        {
            AssertSame(frames, [.. Enumerable.Repeat(piece, (frames + piece - 1) / piece)]);
        }
    }

    [Fact]
    public void Push_AnyPieces_GivesTheBitsOfTheWholeClip() => Gen.Int[0, 70].Array[0, 12]
        .Sample(pieces => AssertSame(pieces.Sum(), pieces), iter: 60);

    [Fact]
    public void Push_WaitsOnlyForTheSubsamplingsLookahead()
    {
        float[] mel = Mel(200);
        using StreamingAudio stream = Tower.NewStream();
        float[] row = new float[2 * Tower.Width];
        for (int frame = 0; frame < 200; frame++)
        {
            // Row k starts at frame 16 k and is final with frame 16 k + 6.
            int rows = stream.Push(mel.AsSpan(16 * frame, 16), 1, row, _team);
            Assert.Equal(frame % 16 == 6 ? 1 : 0, rows);
        }

        Assert.Equal((200, 13), (stream.Frames, stream.Rows));
        Assert.Equal(0, stream.Finish(row, _team));
    }

    [Fact]
    public void Push_WrongUse_IsRefused()
    {
        using StreamingAudio stream = Tower.NewStream();
        float[] room = new float[Tower.Width];
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Push([], -1, room, _team));
        Assert.Throws<ArgumentException>(() => stream.Push(new float[15], 1, room, _team));
        Assert.Throws<ArgumentException>(() => stream.Push(Mel(17), 17, room, _team));
        Assert.Equal(0, stream.Frames);
        Assert.Equal(0, stream.Finish([], _team));
        Assert.Throws<InvalidOperationException>(() => stream.Push(Mel(1), 1, room, _team));
        Assert.Equal(0, stream.Finish([], _team));
    }

    [Fact]
    public void NewStream_AttentionThatLooksAhead_IsRefused()
    {
        AudioConfig config = s_config with { ConfAttentionContextRight = 2 };
        using AudioCheckpoint checkpoint = AudioCheckpoint.Create(config, seed: 4);
        Assert.Throws<NotSupportedException>(() => checkpoint.Tower.NewStream());
    }

    static float[] Mel(int frames) => [.. Enumerable.Range(0, frames * 16).Select(i => (float)(8 * WeightRule.U((uint)i)))];

    void AssertSame(int frames, int[] pieces)
    {
        float[] mel = Mel(frames);
        float[] expected = new float[Tower.OutputFrames(frames) * Tower.Width];
        if (frames > 0)
        {
            Tower.Forward(mel, frames, expected, _team);
        }

        using StreamingAudio stream = Tower.NewStream();
        List<float> actual = [];
        foreach (int wanted in pieces)
        {
            int piece = Math.Min(wanted, frames - stream.Frames);
            float[] room = new float[stream.MostNewRows(piece) * Tower.Width];
            actual.AddRange(room[..(stream.Push(mel.AsSpan(16 * stream.Frames), piece, room, _team) * Tower.Width)]);
        }

        float[] rest = new float[stream.MostNewRows(0) * Tower.Width];
        actual.AddRange(rest[..(stream.Finish(rest, _team) * Tower.Width)]);
        Assert.Equal(expected, actual);
    }
}

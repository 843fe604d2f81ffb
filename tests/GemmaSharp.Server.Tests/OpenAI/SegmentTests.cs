using GemmaSharp.Extensions.AI;
using GemmaSharp.Media;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.OpenAI.Audio;

namespace GemmaSharp.Server.Tests.OpenAI;

/// <summary>Subtitles, and the room for sound.</summary>
public sealed class SegmentTests
{
    static SegmentWriter Written(params (double Start, double End, string Text)[] clips)
    {
        var writer = new SegmentWriter(0);
        foreach ((double start, double end, string text) in clips)
        {
            writer.Begin(new SpeechClip(new AudioClip([1], 16_000), TimeSpan.FromSeconds(start), TimeSpan.FromSeconds(end)));
            writer.Add(new GeneratedToken(7, text, null, -1, null));
            writer.Add(new GeneratedToken(1, "", StopReason.EndOfTurn, -3, null));
            writer.End(new GenerationStatistics());
        }

        return writer;
    }

    [Theory]
    [InlineData(0, "00:00:00,000")]
    [InlineData(1.001, "00:00:01,001")]
    [InlineData(59.9996, "00:01:00,000")]
    [InlineData(3599.999, "00:59:59,999")]
    [InlineData(3600, "01:00:00,000")]
    [InlineData(362_439.5, "100:40:39,500")]
    public void Times_are_to_the_millisecond(double seconds, string time) => Assert.Equal(time, SegmentWriter.Time(seconds, ','));

    [Fact]
    public void Text_cannot_break_subtitles()
    {
        SegmentWriter writer = Written((0, 1.5, "a\n\n\nb --> <i>c</i> & d"), (1.5, 3, " "), (3, 3661.25, "e"));
        Assert.Equal("1\n00:00:00,000 --> 00:00:01,500\na\nb → <i>c</i> & d\n\n2\n00:00:03,000 --> 01:01:01,250\ne\n\n", writer.SubRip());
        Assert.Equal(
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na\nb → &lt;i&gt;c&lt;/i&gt; &amp; d\n\n00:00:03.000 --> 01:01:01.250\ne\n\n", writer.WebVtt());
    }

    [Fact]
    public void Segments_count_what_was_said()
    {
        SegmentWriter writer = Written((0, 1, "hello"), (1, 2, string.Concat(Enumerable.Repeat("la la ", 100))));
        Assert.Equal([7], writer.Segments[0].Tokens);
        Assert.Equal(-2, writer.Segments[0].AvgLogprob);
        Assert.InRange(writer.Segments[0].CompressionRatio, 0.2, 1);
        Assert.InRange(writer.Segments[1].CompressionRatio, 10, 100);
        Assert.Equal(100, writer.Segments[1].Seek);
        Assert.Equal("hello " + string.Concat(Enumerable.Repeat("la la ", 100)).Trim(), writer.Text);
    }

    [Fact]
    public async Task Room_for_sound_is_given_back()
    {
        using var room = new SoundRoom(TimeSpan.FromSeconds(1));
        var second = new AudioContent([new AudioClip(new float[16_000], 16_000)], []);
        SoundRoom.Place[] places = new SoundRoom.Place[4];
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = await room.DecodeAsync(() => second, TestContext.Current.CancellationToken);
        }

        ApiException full = await Assert.ThrowsAsync<ApiException>(() => room.DecodeAsync(() => second, TestContext.Current.CancellationToken));
        Assert.Equal(429, full.Status);
        Assert.NotNull(full.RetryAfter);
        await Assert.ThrowsAsync<MediaException>(() => room.DecodeAsync(() => throw new MediaException("no"), TestContext.Current.CancellationToken));
        places[0].Dispose();
        places[0].Dispose();
        (await room.DecodeAsync(() => second, TestContext.Current.CancellationToken)).Dispose();
        Array.ForEach(places, place => place.Dispose());
    }
}

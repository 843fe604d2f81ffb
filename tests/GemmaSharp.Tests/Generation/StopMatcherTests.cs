using CsCheck;
using GemmaSharp.Generation;

namespace GemmaSharp.Tests.Generation;

public sealed class StopMatcherTests
{
    [Fact]
    public void Push_BeginningOfAStop_IsHeldBackUntilItIsNone()
    {
        var matcher = new StopMatcher(["END"]);
        Assert.Equal("a ", matcher.Push("a E"));
        Assert.Equal("", matcher.Push("N"));
        Assert.Equal("ENx", matcher.Push("x"));
        Assert.Equal("", matcher.Push("END"));
        Assert.True(matcher.Stopped);
        Assert.Equal("", matcher.Push("more"));
        Assert.Equal("", matcher.Flush());
    }

    [Fact]
    public void Push_SeveralStops_TheEarliestCounts() => Assert.Equal("a", new StopMatcher(["c", "b"]).Push("abc"));

    [Fact]
    public void Push_AnyTextInAnyPieces_GivesWhatComesBeforeTheFirstStop()
    {
        Gen<string> word = Gen.String[Gen.Char["ab"], 1, 4];
        Gen.Select(word.Array[1, 3], Gen.String[Gen.Char["abc"], 0, 20], Gen.Int[1, 4]).Sample((stops, text, piece) =>
        {
            var matcher = new StopMatcher(stops);
            string got = "";
            for (int at = 0; at < text.Length; at += piece)
            {
                got += matcher.Push(text.Substring(at, Math.Min(piece, text.Length - at)));
            }

            got += matcher.Flush();

            // A stop counts as soon as it is complete; among those complete within one piece, the one that begins first.
            int complete = Enumerable.Range(1, text.Length).Append(int.MaxValue).First(end => end == int.MaxValue || stops.Any(stop => text[..end].EndsWith(stop, StringComparison.Ordinal)));
            if (complete == int.MaxValue)
            {
                Assert.False(matcher.Stopped);
                Assert.Equal(text, got);
                return;
            }

            int seen = Math.Min(text.Length, (complete + piece - 1) / piece * piece);
            int first = stops.Select(stop => text[..seen].IndexOf(stop, StringComparison.Ordinal)).Where(index => index >= 0).Min();
            Assert.True(matcher.Stopped);
            Assert.Equal(text[..first], got);
        });
    }
}

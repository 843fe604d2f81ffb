using System.Globalization;
using System.IO.Compression;
using System.Text;
using GemmaSharp.Extensions.AI;

namespace GemmaSharp.Server.OpenAI.Audio;

/// <summary>What clips say as segments with their times, and what they cost. Used by one request.</summary>
/// <param name="temperature">At which they are written down.</param>
sealed class SegmentWriter(double temperature)
{
    readonly Transcript _transcript = new();
    readonly List<int> _ids = [];
    SpeechClip? _clip;
    double _logprobs;
    int _tokens, _input, _textTokens, _audioTokens, _output;

    /// <summary>All that was said.</summary>
    public string Text => _transcript.Text;

    /// <summary>The clips in which something was said.</summary>
    public List<Segment> Segments { get; } = [];

    public AudioUsage Usage => new("tokens", _input, new AudioInputDetails(_textTokens, _audioTokens), _output, _input + _output);

    /// <summary>Begins the next clip.</summary>
    public void Begin(SpeechClip clip)
    {
        (_clip, _logprobs, _tokens) = (clip, 0, 0);
        _ids.Clear();
        _transcript.BeginClip();
    }

    /// <summary>Adds a token; gives what it adds to the whole text.</summary>
    public string Add(in GeneratedToken token)
    {
        // That it ends there is as much part of the answer as its words, but no token of the text.
        _tokens++;
        _logprobs += token.Logprob ?? 0;
        if (token.StopReason is not StopReason.EndOfTurn)
        {
            _ids.Add(token.Id);
        }

        return _transcript.Add(token.Text);
    }

    /// <summary>Ends the clip.</summary>
    public void End(GenerationStatistics statistics)
    {
        _input += statistics.PromptTokens;
        _audioTokens += statistics.AudioTokens;
        _textTokens += statistics.PromptTokens - statistics.AudioTokens;
        _output += statistics.AnswerTokens;
        string text = _transcript.ClipText;
        if (text.Length > 0)
        {
            // How likely it is that nobody speaks, the model does not say. Clips in which nothing was recorded are no segments;
            // of the others nothing is claimed.
            Segments.Add(new Segment(
                Segments.Count, (int)(_clip!.Start.TotalSeconds * 100), Seconds(_clip.Start), Seconds(_clip.End), text, [.. _ids], temperature,
                _tokens > 0 ? _logprobs / _tokens : 0, Compression(text), NoSpeechProb: 0));
        }
    }

    /// <summary>The segments as SubRip subtitles.</summary>
    public string SubRip() => string.Concat(Segments.Select(segment => FormattableString.Invariant(
        $"{segment.Id + 1}\n{Time(segment.Start, ',')} --> {Time(segment.End, ',')}\n{Lines(segment.Text)}\n\n")));

    /// <summary>The segments as WebVTT subtitles, in which the text is markup.</summary>
    public string WebVtt() => "WEBVTT\n\n" + string.Concat(Segments.Select(segment =>
        $"{Time(segment.Start, '.')} --> {Time(segment.End, '.')}\n"
        + Lines(segment.Text)
            .Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal)
        + "\n\n"));

    /// <summary>A time as subtitles write it.</summary>
    /// <param name="seconds">From the beginning.</param>
    /// <param name="point">What stands before the milliseconds.</param>
    internal static string Time(double seconds, char point)
    {
        var time = TimeSpan.FromMilliseconds(Math.Round(seconds * 1000));
        return string.Create(
            CultureInfo.InvariantCulture, $"{(int)time.TotalHours:00}:{time.Minutes:00}:{time.Seconds:00}{point}{time.Milliseconds:000}");
    }

    // An empty line would end the subtitle, and an arrow begin another.
    static string Lines(string text) => string
        .Join('\n', text.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        .Replace("-->", "→", StringComparison.Ordinal);

    static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 3);

    /// <summary>How many times smaller the text becomes: where it repeats itself, many.</summary>
    static double Compression(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            zlib.Write(bytes);
        }

        return (double)bytes.Length / compressed.Length;
    }
}

using System.CommandLine;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Media;

namespace GemmaSharp.Cli.Options;

/// <summary>How pictures, sound and video are read.</summary>
sealed class MediaArguments(GlobalOptions global)
{
    static readonly TimeSpan s_longestClip = TimeSpan.FromSeconds(30);

    readonly Option<double?> _audioStart = Numbers.Real(
        "--audio-start", "SECONDS", "Begin every sound here instead of at 0.", s => s is >= 0 and <= 1e6, "a number of 0 or more");
    readonly Option<double?> _audioLength = Numbers.Real("--audio-length", "SECONDS",
        "Use this much of every sound. Without it, one longer than 30 s is split into clips.", s => s is > 0 and <= 1e6, "a number above 0");
    readonly Option<int?> _videoFrames = Numbers.Whole(
        "--video-frames", "N", $"The most frames of a video. Default: {VideoOptions.Default.MaxFrames}.", 1, 256);
    readonly Option<double?> _videoRate = Numbers.Real(
        "--video-fps", "RATE", "Frames of a video per second. Default: 1.", r => r is > 0 and <= 60, "a number above 0 and at most 60");
    readonly Option<bool> _allowRemote = new("--allow-remote") { Description = "Files may also be http and https addresses." };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_audioStart, _audioLength, _videoFrames, _videoRate, _allowRemote])
        {
            command.Add(option);
        }
    }

    /// <summary>A reader of media as chosen; what it has to tell goes to standard error.</summary>
    public MessageMedia NewReader(ParseResult parse, CliConsole console)
    {
        double? start = parse.GetValue(_audioStart), length = parse.GetValue(_audioLength);
        bool quiet = parse.GetValue(global.Quiet);
        return new MessageMedia(
            new MediaOptions { AllowRemote = parse.GetValue(_allowRemote) },
            start is null && length is null
                ? null
                : new AudioWindow(TimeSpan.FromSeconds(start ?? 0), length is double s ? TimeSpan.FromSeconds(s) : s_longestClip),
            new VideoOptions
            {
                MaxFrames = parse.GetValue(_videoFrames) ?? VideoOptions.Default.MaxFrames,
                FramesPerSecond = parse.GetValue(_videoRate) ?? VideoOptions.Default.FramesPerSecond
            },
            notice =>
            {
                if (!quiet)
                {
                    console.Notice("gemma: notice: " + notice);
                }
            });
    }
}

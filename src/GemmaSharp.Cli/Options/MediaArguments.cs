using System.CommandLine;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Media;

namespace GemmaSharp.Cli.Options;

/// <summary>How pictures, sound and video are read.</summary>
/// <param name="global">Options of every command.</param>
/// <param name="alpha">What becomes of transparency unless told.</param>
sealed class MediaArguments(GlobalOptions global, AlphaMode alpha = AlphaMode.White)
{
    static readonly (string Name, AlphaMode Value)[] s_alphas = [("white", AlphaMode.White), ("reference", AlphaMode.Reference)];
    static readonly TimeSpan s_longestClip = TimeSpan.FromSeconds(30);

    readonly Option<double?> _audioStart = Numbers.Real(
        "--audio-start", "SECONDS", "Begin every sound here instead of at 0.", s => s is >= 0 and <= 1e6, "a number of 0 or more");
    readonly Option<double?> _audioLength = Numbers.Real("--audio-length", "SECONDS",
        "Use this much of every sound. Without it, one longer than 30 s is split into clips.", s => s is > 0 and <= 1e6, "a number above 0");
    readonly Option<double?> _maxAudio = Numbers.Real("--max-audio", "SECONDS",
        $"The longest sound that is read, or piece of it. Default: {MediaOptions.Default.MaxAudio.TotalSeconds:0}.", s => s is > 0 and <= 1e5,
        "a number above 0 and at most 100000");
    readonly Option<long?> _maxFile = ByteSizes.Option("--max-file", "The largest picture, sound or video, such as 1GiB. Default: 256MiB.");
    readonly Option<int?> _videoFrames = Numbers.Whole(
        "--video-frames", "N", $"The most frames of a video. Default: {VideoOptions.Default.MaxFrames}.", 1, 256);
    readonly Option<double?> _videoRate = Numbers.Real(
        "--video-fps", "RATE", "Frames of a video per second. Default: 1.", r => r is > 0 and <= 60, "a number above 0 and at most 60");
    readonly Option<int?> _maxPixels = Numbers.Whole("--max-pixels", "N",
        $"The most pixels of a picture; a very large one is read in a smaller size. Default: {MediaOptions.Default.MaxPixels}.", 1);
    readonly Option<string?> _alpha = Choices.Option("--alpha", "white|reference",
        "What becomes of transparency: drawn over white, or dropped as the reference does, which shows the colours below it. Default: "
            + $"{s_alphas.First(a => a.Value == alpha).Name}.", s_alphas.Select(a => a.Name));
    readonly Option<bool> _allowRemote = new("--allow-remote") { Description = "Files may also be http and https addresses." };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_audioStart, _audioLength, _maxAudio, _maxFile, _maxPixels, _alpha, _videoFrames, _videoRate, _allowRemote])
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
            new MediaOptions
            {
                AllowRemote = parse.GetValue(_allowRemote),
                MaxAudio = parse.GetValue(_maxAudio) is double most ? TimeSpan.FromSeconds(most) : MediaOptions.Default.MaxAudio,
                MaxFileBytes = parse.GetValue(_maxFile) ?? MediaOptions.Default.MaxFileBytes,
                MaxPixels = parse.GetValue(_maxPixels) ?? MediaOptions.Default.MaxPixels,
                Alpha = Choices.Value(parse, _alpha, s_alphas) ?? alpha,
            },
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

using System.CommandLine;
using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;
using GemmaSharp.Cli.Plots;
using GemmaSharp.Configuration;
using GemmaSharp.Files;
using GemmaSharp.Media;
using GemmaSharp.Prompting.Pictures;
using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma look</c>: what the model sees of pictures and videos and hears of sounds, as PNG files. No weight is read.</summary>
static class LookCommand
{
    /// <summary>Enough of a file to tell what it is.</summary>
    const int Beginning = 4096;

    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var files = new Argument<string[]>("FILE") { Description = "Pictures, sounds and videos.", Arity = ArgumentArity.OneOrMore };
        var output = new Option<string?>("--output", "-o")
        {
            HelpName = "PATH",
            Description = "A folder for what is drawn, or a name that ends in .png, counted on where there are several. Default: the working folder.",
        };
        Option<int?> side = ModelOptions.NewImageSize();
        var media = new MediaArguments(global);
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command("look", "Draw what the model sees and hears of files: the resized picture, the mel spectrogram, the frames of a video.")
        {
            files, output, side,
        };
        media.AddTo(command);
        command.Add(json);
        command.SetAction(async parse =>
        {
            string folder = ModelLocator.Find(parse.GetValue(global.Model));
            using MessageMedia reader = media.NewReader(parse, console);
            (Gemma3nConfig config, ProcessorConfig processor) = ReadSettings(folder, global.ProjectorOf(parse));
            var eyes = new Look(config, processor, reader, parse.GetValue(side));
            var targets = new Targets(parse.GetValue(output));
            var drawn = new List<(string File, string Kind, string Output)>();
            foreach (string file in parse.GetRequiredValue(files))
            {
                MediaKind kind = KindOf(file);
                await foreach ((string part, byte[] png) in eyes.AtAsync(file, kind).ConfigureAwait(false))
                {
                    string target = targets.Next(file, part);
                    AtomicFile.Write(target, png);
                    drawn.Add((file, kind.ToString().ToLowerInvariant(), target));
                    if (!parse.GetValue(json))
                    {
                        console.Out.WriteLine(target);
                    }
                }
            }

            if (parse.GetValue(json))
            {
                JsonOutput.Print(console, writer => Write(writer, drawn));
            }

            return ExitCode.Done;
        });
        return new CliCommand(
            command, "gemma look cat.jpg", "gemma look speech.mp3 --audio-start 60 --output seen", "gemma look film.mp4 --video-frames 12 --output film.png",
            "gemma look cat.jpg speech.wav --model google/gemma-3n-E2B-it --json");
    }

    /// <summary>Of a folder the settings are enough, weights need not be there; a GGUF file has them among its keys.</summary>
    static (Gemma3nConfig Config, ProcessorConfig Processor) ReadSettings(string path, string? projector)
    {
        if (GgufModel.Find(path) is null)
        {
            return (Gemma3nConfig.Load(path), ProcessorConfig.Load(path));
        }

        using Checkpoint checkpoint = Checkpoint.Open(path, new CheckpointOptions { HeadersOnly = true, Projector = projector });
        return (checkpoint.Config, checkpoint.LoadProcessor());
    }

    static MediaKind KindOf(string file)
    {
        byte[] start = new byte[Beginning];
        int count;
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            count = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        }
        catch (Exception error) when (BoundedFile.IsRefusal(error))
        {
            throw CliException.Input(BoundedFile.Unreadable(file, error), error);
        }

        MediaFormat format = MediaFormat.Detect(start.AsSpan(0, count));
        return format.Kind is MediaKind.Image or MediaKind.Audio or MediaKind.Video ? format.Kind
            : throw CliException.Input($"{file} is {(count == 0 ? "empty" : format.Name)}; give pictures, sounds or videos.");
    }

    static void Write(Utf8JsonWriter json, IReadOnlyList<(string File, string Kind, string Output)> drawn)
    {
        json.WriteStartArray();
        foreach ((string file, string kind, string output) in drawn)
        {
            json.WriteStartObject();
            json.WriteString("file", file);
            json.WriteString("kind", kind);
            json.WriteString("output", output);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Draws what a checkpoint's preprocessing makes of files.</summary>
    sealed class Look(Gemma3nConfig config, ProcessorConfig processor, MessageMedia reader, int? side)
    {
        readonly ImageProcessor _images = new(processor.ImageProcessor, side);
        readonly LogMelSpectrogram _mel = new(processor.FeatureExtractor);

        public async IAsyncEnumerable<(string Part, byte[] Png)> AtAsync(string file, MediaKind kind)
        {
            string name = Path.GetFileName(file);
            switch (kind)
            {
                case MediaKind.Image:
                    RgbImage picture = await reader.ReadImageAsync(file).ConfigureAwait(false);
                    yield return ("", PictureView.Draw(name, picture, Seen(picture), config.VisionSoftTokensPerImage));
                    break;
                case MediaKind.Video:
                    VideoContent video = await reader.ReadVideoAsync(file).ConfigureAwait(false);
                    RgbImage first = video.Frames[0];
                    yield return ("", ContactSheet.Draw(
                        name, [.. video.Frames.Select((frame, i) => ((i + 0.5) / video.FramesPerSecond, Seen(frame)))], (first.Width, first.Height),
                        config.VisionSoftTokensPerImage));
                    foreach ((string part, byte[] png) in Heard(name, "-sound", video.Audio))
                    {
                        yield return (part, png);
                    }

                    break;
                default:
                    foreach ((string part, byte[] png) in Heard(name, "", await reader.ReadAudioAsync(file).ConfigureAwait(false)))
                    {
                        yield return (part, png);
                    }

                    break;
            }
        }

        RgbImage Seen(RgbImage image)
        {
            (int height, int width) = _images.Size(image);
            return _images.Resize(image, height, width);
        }

        IEnumerable<(string Part, byte[] Png)> Heard(string name, string part, AudioContent? sound)
        {
            AudioConfig audio = config.AudioConfig ?? new AudioConfig();
            int framesPerToken = audio.ConfReductionFactor * audio.SscpConvStrideSize.Aggregate(1, (product, stride) => product * stride[0]);
            double hop = (double)processor.FeatureExtractor.HopLength / _mel.SamplingRate, start = 0;
            int count = sound?.Clips.Count ?? 0;
            for (int i = 0; i < count; i++)
            {
                AudioClip clip = sound!.Clips[i];
                MelFeatures mel = _mel.Compute(Resampler.ResampleBeginning(clip, _mel.SamplingRate, LogMelSpectrogram.MaxSamples));
                yield return (
                    count == 1 ? part : FormattableString.Invariant($"{part}-{i + 1}"),
                    SoundView.Draw(name, (i, count), start, clip, mel, hop, framesPerToken, config.AudioSoftTokensPerImage));
                start += clip.Duration.TotalSeconds;
            }
        }
    }

    /// <summary>Where drawings go; no two to the same place.</summary>
    sealed class Targets(string? path)
    {
        const string Ending = ".png";

        readonly bool _isFile = path?.EndsWith(Ending, StringComparison.OrdinalIgnoreCase) == true;
        readonly HashSet<string> _used = new(StringComparer.OrdinalIgnoreCase);

        public string Next(string file, string part)
        {
            string start;
            if (_isFile)
            {
                start = path![..^Ending.Length];
            }
            else
            {
                if (File.Exists(path))
                {
                    throw CliException.Usage($"--output {path} is a file whose name does not end in {Ending}; give a name that does, or a folder.");
                }

                if (!string.IsNullOrEmpty(path))
                {
                    Directory.CreateDirectory(path);
                }

                start = Path.Combine(path ?? "", Path.GetFileNameWithoutExtension(file) + part + ".look");
            }

            string target = start + Ending;
            for (int i = 2; !_used.Add(target); i++)
            {
                target = FormattableString.Invariant($"{start}-{i}{Ending}");
            }

            return target;
        }
    }
}

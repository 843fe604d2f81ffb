using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace GemmaSharp.Media;

/// <summary>
/// Runs an installed ffmpeg: arguments as a list and never through a shell, the input a file of a known container, nothing else
/// opened by it, output read through a pipe, an end by the clock.
/// </summary>
internal sealed partial class Ffmpeg(string program, MediaOptions options)
{
    // Containers with their data inside. Playlists (hls, concat, dash) are left out: they would make ffmpeg open other files and addresses.
    const string Containers =
        "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,ogg,mpegts,mpeg,mpegvideo,m4v,h264,hevc,aac,ac3,eac3,mp3,mp2,"
        + "flac,wav,w64,aiff,au,caf,amr,wv,ape,tta,dsf,gif,rm,tiff_pipe,j2k_pipe,jpegxl_pipe,psd_pipe,qoi_pipe,ico";

    const int MaxMessage = 4000;

    /// <summary>Finds the program.</summary>
    /// <exception cref="MediaException">There is none; the message names what needs it.</exception>
    public static Ffmpeg Find(MediaOptions options, string name, MediaFormat format)
    {
        string? program = options.FfmpegPath is null ? OnPath() : File.Exists(options.FfmpegPath) ? options.FfmpegPath : null;
        (string what, string advice) = format.Kind switch
        {
            MediaKind.Video => ("video", "save it as an animated GIF or WebP, or as pictures"),
            MediaKind.Image => ("picture", "save it as PNG, JPEG, WebP, GIF or BMP"),
            _ => ("sound", "save it as WAV, MP3, FLAC, Ogg or AIFF"),
        };
        string article = format.Kind == MediaKind.Image ? ImageReader.Article(format.Name) + " " : "";
        return program is null
            ? throw new MediaException(
                options.FfmpegPath is { Length: 0 }
                    ? $"{name} is {article}{format.Name} {what}, which needs the program ffmpeg, and that is not used here (gemma serve --video does); "
                        + $"{advice}."
                    : $"{name} is {article}{format.Name} {what}, which needs the program ffmpeg, and none is installed here; install ffmpeg, or {advice}.")
            : new Ffmpeg(program, options);
    }

    /// <summary>Runs ffmpeg on an input file.</summary>
    /// <param name="input">Path of the file.</param>
    /// <param name="output">Arguments behind the input; the output goes to <c>pipe:1</c>.</param>
    /// <param name="consume">Reads the output; what it leaves unread is thrown away.</param>
    /// <param name="logLevel">How much ffmpeg says: <c>error</c>, or <c>info</c> for a description of the input.</param>
    /// <param name="before">Further arguments, for the input.</param>
    /// <returns>The exit code, and the last of what ffmpeg said.</returns>
    /// <exception cref="MediaException">The program does not start or took too long.</exception>
    public (int ExitCode, string Said) Run(
        string input, IEnumerable<string> output, Action<Stream> consume, string logLevel = "error", IEnumerable<string>? before = null)
    {
        ProcessStartInfo start = new(program)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments = ["-nostdin", "-hide_banner", "-loglevel", logLevel, "-protocol_whitelist", "file", "-format_whitelist", Containers,
            .. before ?? [], "-i", "file:" + Path.GetFullPath(input), .. output];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Start(start);
        bool isLate = false;
        using Timer clock = new(_ =>
        {
            isLate = true;
            Kill(process);
        });
        clock.Change(options.FfmpegTimeout, Timeout.InfiniteTimeSpan);
        process.StandardInput.Close();
        Task<string> said = Task.Run(() => Last(process.StandardError));
        try
        {
            consume(process.StandardOutput.BaseStream);
        }
        catch (Exception error) when (isLate && error is not OutOfMemoryException)
        {
            throw Late();
        }
        finally
        {
            // Either it is done, or nobody wants the rest.
            process.StandardOutput.Close();
            if (!process.WaitForExit(2000))
            {
                Kill(process);
                process.WaitForExit();
            }
        }

        string message = said.GetAwaiter().GetResult();
        return isLate ? throw Late() : (process.ExitCode, message);
    }

    /// <summary>The length that a description of an input (<c>info</c>) names; null where it names none.</summary>
    public static TimeSpan? Duration(string description)
    {
        Match match = DurationPattern().Match(description);
        return match.Success
            ? TimeSpan.FromSeconds(
                (3600 * int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))
                + (60 * int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture))
                + double.Parse(match.Groups[3].ValueSpan, CultureInfo.InvariantCulture))
            : null;
    }

    /// <summary>The last line of what ffmpeg said, without the path it was given.</summary>
    public static string Reason(string said, string input, string name)
    {
        string line = said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "no reason given";
        return line.Replace("file:" + Path.GetFullPath(input), name, StringComparison.Ordinal).TrimEnd('.');
    }

    /// <summary>Writes bytes to a file that only this user can read, for a program that needs to seek, and deletes it afterwards.</summary>
    public static T WithFile<T>(ReadOnlyMemory<byte> bytes, Func<string, T> use)
    {
        string path = Path.Combine(Path.GetTempPath(), "gemma-media-" + Path.GetRandomFileName());
        FileStreamOptions create = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            create.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            try
            {
                using FileStream stream = new(path, create);
                stream.Write(bytes.Span);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new MediaException(
                    $"The folder for temporary files, {Path.GetTempPath()}, cannot be written to ({error.Message.TrimEnd('.')}), and ffmpeg needs a file "
                        + "there; set TMPDIR to another one or free some space.",
                    error);
            }

            return use(path);
        }
        finally
        {
            // Its folder may not be there.
            if (File.Exists(path))
            {
                File.Delete(path);
            }
        }
    }

    Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new MediaException($"{program} does not start ({error.Message.TrimEnd('.')}); install ffmpeg or set FfmpegPath to it.", error);
        }
    }

    MediaException Late() => new(string.Create(
        CultureInfo.InvariantCulture,
        $"ffmpeg took more than {options.FfmpegTimeout.TotalSeconds:0.#} seconds and was stopped; use a shorter file or raise FfmpegTimeout."));

    static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception or NotSupportedException)
        {
            // It ended by itself in between.
        }
    }

    static string Last(StreamReader reader)
    {
        StringBuilder text = new();
        char[] buffer = new char[2048];
        int read;
        while ((read = reader.Read(buffer, 0, buffer.Length)) > 0)
        {
            text.Append(buffer, 0, read);
            if (text.Length > 2 * MaxMessage)
            {
                text.Remove(0, text.Length - MaxMessage);
            }
        }

        return text.ToString();
    }

    static string? OnPath()
    {
        string file = OperatingSystem.IsWindows() ? "ffmpeg.exe" : "ffmpeg";
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Where(Path.IsPathFullyQualified).Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }

    [GeneratedRegex(@"Duration: (\d{1,5}):(\d\d):(\d\d\.\d+)")]
    private static partial Regex DurationPattern();
}

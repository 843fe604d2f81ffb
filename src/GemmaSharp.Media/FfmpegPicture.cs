using System.Globalization;

namespace GemmaSharp.Media;

/// <summary>Decodes pictures of formats without a decoder here with an installed ffmpeg: HEIC, AVIF, TIFF and rarer ones.</summary>
internal static class FfmpegPicture
{
    /// <summary>By which of ffmpeg's readers a format is read. None of them opens other files.</summary>
    static readonly Dictionary<string, string> s_readers = new(StringComparer.Ordinal)
    {
        ["HEIC"] = "mov",
        ["AVIF"] = "mov",
        ["TIFF"] = "tiff_pipe",
        ["JPEG 2000"] = "j2k_pipe",
        ["JPEG XL"] = "jpegxl_pipe",
        ["Photoshop"] = "psd_pipe",
        ["QOI"] = "qoi_pipe",
        ["ICO"] = "ico",
    };

    /// <summary>Whether ffmpeg can be asked.</summary>
    public static bool Reads(MediaFormat format) => s_readers.ContainsKey(format.Name);

    /// <summary>Decodes the file's main picture, upright.</summary>
    /// <exception cref="MediaException">There is no ffmpeg, or it does not decode the file, or not all of it.</exception>
    public static RgbImage Decode(ReadOnlyMemory<byte> bytes, MediaFormat format, string name, MediaOptions options, Action<string>? notice)
    {
        Ffmpeg ffmpeg = Ffmpeg.Find(options, name, format);
        if (format.Name == "TIFF" && TiffHeader.Problem(bytes.Span) is string problem)
        {
            throw new MediaException($"{name} is a TIFF {problem}; save it as PNG, JPEG, WebP, GIF or BMP.");
        }

        bool isHeif = format.Name is "HEIC" or "AVIF";
        HeifHeader header = isHeif ? HeifHeader.Read(bytes.Span) : new(0, 0, 0, -1, false);
        RgbImage image = Ffmpeg.WithFile(bytes, path => Decode(ffmpeg, path, format, header.HasAlpha, name, options, notice));

        // Large HEIC pictures are made of tiles, of which some ffmpeg gives the first and says nothing.
        if (header.Width > 0 && (image.Width, image.Height) != (header.Width, header.Height)
            && (image.Width, image.Height) != (header.Height, header.Width))
        {
            throw new MediaException(
                $"{name} is {header.Width}×{header.Height} pixels, of which the installed ffmpeg decodes {image.Width}×{image.Height} only; "
                    + "install a newer ffmpeg, or save it as PNG, JPEG, WebP, GIF or BMP.");
        }

        if (format.Name == "TIFF" && ExifOrientation.CountDirectories(bytes.Span) is int pages and > 1)
        {
            notice?.Invoke($"{name} has {pages} pages: the first was taken; save the others as files of their own to use them.");
        }

        return isHeif ? header.Upright(image) : format.Name == "TIFF" ? Orientation.Apply(image, ExifOrientation.OfTiff(bytes.Span)) : image;
    }

    static RgbImage Decode(Ffmpeg ffmpeg, string path, MediaFormat format, bool hasAlpha, string name, MediaOptions options, Action<string>? notice)
    {
        (RgbImage? image, string said) = Run(hasAlpha);
        if (image is null && hasAlpha)
        {
            // Some ffmpeg show no stream of transparency.
            (image, said) = Run(false);
        }

        string advice = format.Name == "HEIC" ? "version 7 and newer do where it was built with HEVC; install that, or save it as" : "save it as";
        if (image is not null && !string.IsNullOrWhiteSpace(said))
        {
            // It makes a picture with holes of a damaged file, and says so in passing.
            if (format.Name == "TIFF")
            {
                throw new MediaException(
                    $"{name} is a TIFF picture that is damaged or ends early ({Ffmpeg.Reason(said, path, name)}); copy or download the file again, or save it "
                        + "as PNG, JPEG, WebP, GIF or BMP.");
            }

            notice?.Invoke($"{name} is damaged ({Ffmpeg.Reason(said, path, name)}); what could be decoded was used.");
        }

        return image ?? throw new MediaException(
            $"{name} is {ImageReader.Article(format.Name)} {format.Name} picture that the installed ffmpeg does not decode "
                + $"({Ffmpeg.Reason(said, path, name)}); {advice} PNG, JPEG, WebP, GIF or BMP.");

        (RgbImage? Image, string Said) Run(bool withAlpha)
        {
            RgbImage? decoded = null;
            string[] filter = withAlpha ? ["-filter_complex", "[0:v:0][0:v:1]alphamerge,format=rgba"] : ["-vf", "format=rgba"];
            (_, string words) = ffmpeg.Run(
                path,
                [.. filter, "-an", "-sn", "-dn", "-frames:v", "1", "-c:v", "pam", "-f", "image2pipe", "pipe:1"],
                output => decoded = PamReader.Read(output, name, options),
                before: ["-noautorotate", "-max_pixels", options.MaxPixels.ToString(CultureInfo.InvariantCulture), "-f", s_readers[format.Name]]);
            return (decoded, words);
        }
    }
}

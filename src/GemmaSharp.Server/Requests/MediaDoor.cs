using System.Text;
using GemmaSharp.Media;
using GemmaSharp.Server.Http;
using Microsoft.Extensions.Options;

namespace GemmaSharp.Server.Requests;

/// <summary>The one way by which pictures, sound and videos of requests come in: decoded within limits, never from this machine's files. Thread-safe.</summary>
sealed class MediaDoor : IDisposable
{
    readonly MediaOptions _options;
    readonly MediaLoader _loader;

    // A small file may be a hundred megabytes of pixels, so that few are decoded at once, and none waits in full size.
    readonly SemaphoreSlim _decoders = new(Environment.ProcessorCount);

    public MediaDoor(IOptions<GemmaServerOptions> options)
    {
        _options = options.Value.Media with
        {
            AllowFiles = false,
            AllowRemote = options.Value.RemoteMediaHosts.Count > 0,
            RemoteHosts = [.. options.Value.RemoteMediaHosts],
        };
        _loader = new MediaLoader(_options);
    }

    /// <summary>Decodes what a field holds; what it is, its bytes tell. Pictures are brought to the size in which the model sees them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="source">A <c>data:</c> URL, bare base64, or an address where that is allowed.</param>
    /// <param name="path">The field.</param>
    /// <param name="side">Side in pixels to which a picture is brought; null for the model's.</param>
    /// <param name="mayBeText">Whether it may be a text, as an attached file may.</param>
    /// <param name="cancellationToken">Ends waiting.</param>
    /// <exception cref="ApiException">It may not be read, or is nothing that the model takes.</exception>
    public async Task<ContentPart> ReadAsync(
        GemmaModel model, string source, string path, int? side, bool mayBeText, CancellationToken cancellationToken)
    {
        try
        {
            ReadOnlyMemory<byte> bytes = await _loader.LoadBytesAsync(Url(source, path), cancellationToken).ConfigureAwait(false);
            await _decoders.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await Task.Run(() => Reduced(Decode(bytes, path, side, mayBeText), model), cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _decoders.Release();
            }
        }
        catch (MediaException error)
        {
            throw ApiException.Invalid(path, $"{path}: {error.Message}");
        }
    }

    /// <summary>Decodes sound of any length for a transcription, as clips of at most 30 seconds.</summary>
    /// <exception cref="MediaException">It is no sound, or longer than the longest that is taken.</exception>
    public AudioContent ReadLongAudio(ReadOnlyMemory<byte> bytes, string name, TimeSpan longest) =>
        AudioSplitter.Split(
            AudioReader.Read(bytes, name, _options with { MaxAudio = longest, MaxFileBytes = Math.Max(_options.MaxFileBytes, bytes.Length) }), name);

    public void Dispose()
    {
        _loader.Dispose();
        _decoders.Dispose();
    }

    /// <summary>A part as the model sees it, which is the same for it and for what is computed of it.</summary>
    static ContentPart Reduced(ContentPart part, GemmaModel model) => part switch
    {
        _ when !model.Summary.HasVision => part,
        ImagePart picture => picture with { Image = model.Encoder.Seen(picture) },
        VideoPart { Frames: not null } video => video with { Frames = [.. video.Frames.Select(frame => model.Encoder.Seen(new ImagePart(frame)))] },
        _ => part,
    };

    static string Url(string source, string path)
    {
        if (source.StartsWith("data:", StringComparison.OrdinalIgnoreCase) || source.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
            || source.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            return source;
        }

        // A path and base64 can look alike, but no path is ever read.
        return source.AsSpan(0, Math.Min(source.Length, 64)).ContainsAny(":\\") || source.StartsWith("file", StringComparison.OrdinalIgnoreCase)
            ? throw ApiException.Invalid(path, $"{path} is neither a data: URL nor base64; files of this machine are not read, so send the file itself.")
            : "data:;base64," + source;
    }

    ContentPart Decode(ReadOnlyMemory<byte> bytes, string path, int? side, bool mayBeText)
    {
        MediaFormat format = MediaFormat.Detect(bytes.Span[..Math.Min(bytes.Length, 4096)]);
        switch (format.Kind)
        {
            case MediaKind.Image:
                return new ImagePart(_loader.LoadImage(bytes, "The picture")) { Side = side };
            case MediaKind.Audio:
                AudioContent sound = _loader.LoadAudio(bytes, "The sound");
                return sound.Clips is [AudioClip clip] ? new AudioPart(clip) : new LongAudioPart(sound.Clips);
            case MediaKind.Video:
                VideoContent video = VideoReader.Read(bytes, "The video", VideoOptions.Default, _options);
                return new VideoPart(video.Frames, video.Audio?.Clips);
            default:
                return mayBeText && Text(bytes.Span) is string text ? new TextPart(text)
                    : throw ApiException.Invalid(
                        path, $"{path} is {(bytes.IsEmpty ? "empty" : format.Name)}; send a picture, sound or a video{(mayBeText ? " or a text" : "")}.");
        }
    }

    static string? Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return bytes.IsEmpty || bytes.Contains((byte)0) || bytes.StartsWith("%PDF"u8) ? null
                : new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}

using GemmaSharp.Media;

namespace GemmaSharp.Cli.Conversations;

/// <summary>Reads the pictures, sounds and videos that messages name, as the command's options say.</summary>
/// <param name="options">What may be read.</param>
/// <param name="window">The piece of every sound that is wanted; null for the whole.</param>
/// <param name="video">Which frames of videos.</param>
/// <param name="notice">Told what a person should know, such as that a sound was split.</param>
sealed class MessageMedia(MediaOptions options, AudioWindow? window, VideoOptions video, Action<string> notice) : IDisposable
{
    readonly MediaLoader _loader = new(options);

    /// <summary>The messages with their media read; what has been read stays as it is.</summary>
    /// <exception cref="MediaException">A file is refused.</exception>
    public Task<IReadOnlyList<ChatMessage>> ReadAsync(IReadOnlyList<ChatMessage> messages, CancellationToken cancellationToken = default) =>
        _loader.LoadAsync(messages, window, video, notice, cancellationToken);

    /// <summary>Reads a picture.</summary>
    /// <exception cref="MediaException">It is refused.</exception>
    public Task<RgbImage> ReadImageAsync(string source) => _loader.LoadImageAsync(source, notice);

    /// <summary>Reads a sound.</summary>
    /// <exception cref="MediaException">It is refused.</exception>
    public async Task<AudioContent> ReadAudioAsync(string source)
    {
        AudioContent sound = await _loader.LoadAudioAsync(source, window).ConfigureAwait(false);
        Tell(sound.Notices);
        return sound;
    }

    /// <summary>Reads a video.</summary>
    /// <exception cref="MediaException">It is refused.</exception>
    public async Task<VideoContent> ReadVideoAsync(string source)
    {
        VideoContent content = await _loader.LoadVideoAsync(source, video).ConfigureAwait(false);
        Tell(content.Notices);
        return content;
    }

    void Tell(IEnumerable<string> notices)
    {
        foreach (string each in notices)
        {
            notice(each);
        }
    }

    /// <summary>Closes connections.</summary>
    public void Dispose() => _loader.Dispose();
}

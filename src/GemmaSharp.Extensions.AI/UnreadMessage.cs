using GemmaSharp.Media;

namespace GemmaSharp.Extensions.AI;

/// <summary>A message whose pictures, sounds and videos are still to be decoded.</summary>
/// <param name="Role">Who speaks, in the model's words.</param>
/// <param name="Pieces">Its content: parts, and what becomes parts.</param>
sealed record UnreadMessage(string Role, IReadOnlyList<UnreadPiece> Pieces);

/// <summary>A piece of a message: a part, or a file that becomes one.</summary>
readonly record struct UnreadPiece(ContentPart? Part, UnreadMedia? Media);

/// <summary>A file that is to be decoded.</summary>
/// <param name="Kind">A picture, a sound or a video.</param>
/// <param name="Bytes">The file; empty where it has an address.</param>
/// <param name="Address">Where it is; null where its bytes are given.</param>
/// <param name="Side">Side in pixels to which a picture is brought; null for the model's.</param>
/// <param name="Name">What messages call it.</param>
sealed record UnreadMedia(MediaKind Kind, ReadOnlyMemory<byte> Bytes, string? Address, int? Side, string Name)
{
    /// <summary>Decodes it.</summary>
    /// <param name="loader">Who reads files and addresses.</param>
    /// <param name="options">Limits and frames.</param>
    /// <param name="notice">Told what a person should know.</param>
    /// <param name="cancellationToken">Ends waiting.</param>
    /// <exception cref="MediaException">It may not be read, or cannot be decoded.</exception>
    public async Task<ContentPart> ReadAsync(MediaLoader loader, GemmaChatOptions options, Action<string> notice, CancellationToken cancellationToken)
    {
        switch (Kind)
        {
            case MediaKind.Image:
                RgbImage image = Address is null
                    ? await Task.Run(() => loader.LoadImage(Bytes, Name, notice), cancellationToken).ConfigureAwait(false)
                    : await loader.LoadImageAsync(Address, notice, cancellationToken).ConfigureAwait(false);
                return new ImagePart(image, Address) { Side = Side };
            case MediaKind.Audio:
                AudioContent sound = Address is null
                    ? await Task.Run(() => loader.LoadAudio(Bytes, Name), cancellationToken).ConfigureAwait(false)
                    : await loader.LoadAudioAsync(Address, window: null, cancellationToken).ConfigureAwait(false);
                Tell(sound.Notices);
                return sound.Clips is [AudioClip clip] ? new AudioPart(clip, Address) : new LongAudioPart(sound.Clips, Address);
            default:
                VideoContent video = Address is null
                    ? await Task.Run(() => VideoReader.Read(Bytes, Name, options.Video, options.Media), cancellationToken).ConfigureAwait(false)
                    : await loader.LoadVideoAsync(Address, options.Video, cancellationToken).ConfigureAwait(false);
                Tell(video.Notices);
                return new VideoPart(video.Frames, video.Audio?.Clips, Address);
        }

        void Tell(IReadOnlyList<string> notices)
        {
            foreach (string sentence in notices)
            {
                notice(sentence);
            }
        }
    }
}

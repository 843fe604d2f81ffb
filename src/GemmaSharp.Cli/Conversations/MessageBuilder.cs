using GemmaSharp.Media;

namespace GemmaSharp.Cli.Conversations;

/// <summary>Turns what the user gave into what the model takes, reading each picture, sound and video once.</summary>
sealed class MessageBuilder : IDisposable
{
    readonly MediaLoader _loader;
    readonly AudioWindow? _window;
    readonly VideoOptions _video;
    readonly Action<string> _notice;
    readonly Dictionary<ConversationPart, ContentPart[]> _read = [];

    /// <summary>Makes a builder.</summary>
    /// <param name="options">What may be read.</param>
    /// <param name="window">The piece of every sound that is wanted; null for the whole.</param>
    /// <param name="video">Which frames of videos.</param>
    /// <param name="notice">Told what a person should know, such as that a sound was split.</param>
    public MessageBuilder(MediaOptions options, AudioWindow? window, VideoOptions video, Action<string> notice)
    {
        _loader = new MediaLoader(options);
        _window = window;
        _video = video;
        _notice = notice;
    }

    /// <summary>The messages with their media read.</summary>
    /// <exception cref="MediaException">A file is refused.</exception>
    public async Task<ChatMessage[]> BuildAsync(IReadOnlyList<ConversationMessage> messages, CancellationToken cancellationToken = default)
    {
        var result = new ChatMessage[messages.Count];
        for (int i = 0; i < result.Length; i++)
        {
            // The template trims a plain text as one.
            if (messages[i].Parts is [{ Kind: PartKind.Text } text])
            {
                result[i] = new ChatMessage(messages[i].Role, text.Value);
                continue;
            }

            var parts = new List<ContentPart>();
            foreach (ConversationPart part in messages[i].Parts)
            {
                parts.AddRange(await ReadAsync(part, cancellationToken).ConfigureAwait(false));
            }

            result[i] = new ChatMessage(messages[i].Role, parts);
        }

        return result;
    }

    /// <summary>Forgets files that none of the messages name.</summary>
    public void Keep(IEnumerable<ConversationMessage> messages)
    {
        var named = messages.SelectMany(message => message.Parts).ToHashSet();
        foreach (ConversationPart part in _read.Keys.Where(part => !named.Contains(part)).ToArray())
        {
            _read.Remove(part);
        }
    }

    /// <summary>Closes connections.</summary>
    public void Dispose() => _loader.Dispose();

    async Task<ContentPart[]> ReadAsync(ConversationPart part, CancellationToken cancellationToken)
    {
        if (part.Kind == PartKind.Text)
        {
            return [new TextPart(part.Value)];
        }

        if (!_read.TryGetValue(part, out ContentPart[]? parts))
        {
            parts = part.Kind switch
            {
                PartKind.Image => [new ImagePart(await _loader.LoadImageAsync(part.Value, cancellationToken).ConfigureAwait(false))],
                PartKind.Audio => Clips(await _loader.LoadAudioAsync(part.Value, _window, cancellationToken).ConfigureAwait(false)),
                _ => Frames(await _loader.LoadVideoAsync(part.Value, _video, cancellationToken).ConfigureAwait(false)),
            };
            _read.Add(part, parts);
        }

        return parts;
    }

    ContentPart[] Clips(AudioContent content)
    {
        Tell(content.Notices);
        return [.. content.Clips.Select(clip => new AudioPart(clip))];
    }

    ContentPart[] Frames(VideoContent content)
    {
        Tell(content.Notices);
        return [.. content.Frames.Select(frame => new ImagePart(frame)), .. (content.Audio?.Clips ?? []).Select(clip => new AudioPart(clip))];
    }

    void Tell(IReadOnlyList<string> notices)
    {
        foreach (string notice in notices)
        {
            _notice(notice);
        }
    }
}

using System.Net;

namespace GemmaSharp.Media;

/// <summary>
/// The one door for media that people name: a path, a <c>data:</c> URL, or an <c>http(s)</c> URL where that is allowed.
/// </summary>
/// <remarks>
/// Formats are recognised by content. Downloads are bounded in size and time, follow at most three redirections, and reach only public
/// addresses unless <see cref="MediaOptions.AllowPrivateAddresses"/> is set, which also turns the system's proxy on. Thread-safe; keep one and dispose of it at
/// the end.
/// </remarks>
public sealed class MediaLoader : IDisposable
{
    const int MaxRedirections = 3;

    readonly MediaOptions _options;
    readonly Lazy<HttpClient> _client;

    /// <summary>A loader.</summary>
    /// <param name="options">Limits and permissions; <see langword="null"/> for the defaults.</param>
    public MediaLoader(MediaOptions? options = null)
    {
        _options = options ?? MediaOptions.Default;
        _client = new(CreateClient);
    }

    /// <summary>Loads a picture.</summary>
    /// <param name="source">Path, <c>data:</c> URL or <c>http(s)</c> URL.</param>
    /// <param name="notice">Told what a person should know, such as that an animation's other frames were left out; may be <see langword="null"/>.</param>
    /// <param name="cancellationToken">Ends waiting for a download.</param>
    /// <exception cref="MediaException">The source may not be read, does not answer, or is no picture that can be decoded.</exception>
    public async Task<RgbImage> LoadImageAsync(string source, Action<string>? notice = null, CancellationToken cancellationToken = default)
    {
        (byte[]? bytes, string name) = await FetchAsync(source, cancellationToken).ConfigureAwait(false);
        return await Task.Run(
            () => bytes is null ? ImageReader.Read(name, _options, notice) : ImageReader.Read(bytes, name, _options, notice), cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>Loads sound as clips of at most 30 seconds.</summary>
    /// <param name="source">Path, <c>data:</c> URL or <c>http(s)</c> URL.</param>
    /// <param name="window">The piece wanted; <see langword="null"/> for the whole, which is split where it is too long.</param>
    /// <param name="cancellationToken">Ends waiting for a download.</param>
    /// <returns>Mono at 16 kHz, with a notice where it was cut.</returns>
    /// <exception cref="MediaException">The source may not be read, does not answer, or is no sound that can be decoded.</exception>
    public async Task<AudioContent> LoadAudioAsync(string source, AudioWindow? window = null, CancellationToken cancellationToken = default)
    {
        (byte[]? bytes, string name) = await FetchAsync(source, cancellationToken).ConfigureAwait(false);
        return await Task.Run(
            () => bytes is null
                ? AudioSplitter.Split(AudioReader.Read(name, window, _options), Path.GetFileName(name)) : LoadAudio(bytes, name, window),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Loads a video's frames and sound.</summary>
    /// <param name="source">Path, <c>data:</c> URL or <c>http(s)</c> URL.</param>
    /// <param name="video">Which frames; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">Ends waiting for a download.</param>
    /// <exception cref="MediaException">The source may not be read, does not answer, or is no video that can be decoded.</exception>
    public async Task<VideoContent> LoadVideoAsync(string source, VideoOptions? video = null, CancellationToken cancellationToken = default)
    {
        (byte[]? bytes, string name) = await FetchAsync(source, cancellationToken).ConfigureAwait(false);
        return await Task.Run(
            () => bytes is null ? VideoReader.Read(name, video, _options) : VideoReader.Read(bytes, name, video, _options),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads what the messages of a conversation name, such as <see cref="ConversationFile"/> gives them, each source once.</summary>
    /// <param name="messages">The conversation; parts that have been read stay as they are.</param>
    /// <param name="window">The piece of every sound that is wanted; <see langword="null"/> for the whole, which is split where it is too long.</param>
    /// <param name="video">Which frames of videos; <see langword="null"/> for the defaults.</param>
    /// <param name="notice">Told what a person should know, such as that a sound was split; may be <see langword="null"/>.</param>
    /// <param name="cancellationToken">Ends waiting for a download.</param>
    /// <returns>The same messages, every picture, sound and video with its content and its source.</returns>
    /// <exception cref="MediaException">A source may not be read, does not answer, or is no file of its kind that can be decoded.</exception>
    public async Task<IReadOnlyList<ChatMessage>> LoadAsync(
        IReadOnlyList<ChatMessage> messages, AudioWindow? window = null, VideoOptions? video = null, Action<string>? notice = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var read = new Dictionary<ContentPart, ContentPart>();
        var result = new ChatMessage[messages.Count];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = messages[i];
            if (messages[i].Parts.Any(IsUnread))
            {
                var parts = new List<ContentPart>();
                foreach (ContentPart part in messages[i].Parts)
                {
                    parts.Add(await ReadAsync(part).ConfigureAwait(false));
                }

                result[i] = new ChatMessage(messages[i].Role, parts);
            }
        }

        return result;

        async Task<ContentPart> ReadAsync(ContentPart part)
        {
            if (!IsUnread(part))
            {
                return part;
            }

            if (!read.TryGetValue(part, out ContentPart? known))
            {
                known = await LoadAsync(part, window, video, notice, cancellationToken).ConfigureAwait(false);
                read.Add(part, known);
            }

            return known;
        }
    }

    /// <summary>The bytes of a source, not decoded.</summary>
    /// <param name="source">Path, <c>data:</c> URL or <c>http(s)</c> URL.</param>
    /// <param name="cancellationToken">Ends waiting for a download.</param>
    /// <exception cref="MediaException">The source may not be read, or does not answer.</exception>
    public async Task<ReadOnlyMemory<byte>> LoadBytesAsync(string source, CancellationToken cancellationToken = default)
    {
        (byte[]? bytes, string name) = await FetchAsync(source, cancellationToken).ConfigureAwait(false);
        return bytes ?? await Task.Run(() => MediaBytes.ReadFile(name, _options), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Decodes a picture held in memory.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="notice">Told what a person should know; may be <see langword="null"/>.</param>
    /// <exception cref="MediaException">The bytes are no picture that can be decoded.</exception>
    public RgbImage LoadImage(ReadOnlyMemory<byte> bytes, string name = "The picture", Action<string>? notice = null) =>
        ImageReader.Read(bytes, name, _options, notice);

    /// <summary>Decodes sound held in memory, as clips of at most 30 seconds.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="window">The piece wanted; <see langword="null"/> for the whole, which is split where it is too long.</param>
    /// <exception cref="MediaException">The bytes are no sound that can be decoded.</exception>
    public AudioContent LoadAudio(ReadOnlyMemory<byte> bytes, string name = "The sound", AudioWindow? window = null) =>
        AudioSplitter.Split(AudioReader.Read(bytes, name, window, _options), name);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_client.IsValueCreated)
        {
            _client.Value.Dispose();
        }
    }

    static bool IsUnread(ContentPart part) =>
        part is ImagePart { Image: null, Source: not null } or AudioPart { Clip: null, Source: not null } or VideoPart { Frames: null, Source: not null };

    async Task<ContentPart> LoadAsync(ContentPart part, AudioWindow? window, VideoOptions? video, Action<string>? notice, CancellationToken cancellationToken)
    {
        switch (part)
        {
            case ImagePart image:
                return image with { Image = await LoadImageAsync(image.Source!, notice, cancellationToken).ConfigureAwait(false) };
            case AudioPart audio:
                AudioContent sound = await LoadAudioAsync(audio.Source!, window, cancellationToken).ConfigureAwait(false);
                Tell(sound.Notices, notice);
                return sound.Clips is [AudioClip clip] ? audio with { Clip = clip } : new LongAudioPart(sound.Clips, audio.Source);
            case VideoPart film:
                VideoContent content = await LoadVideoAsync(film.Source!, video, cancellationToken).ConfigureAwait(false);
                Tell(content.Notices, notice);
                return film with { Frames = content.Frames, Clips = content.Audio?.Clips };
            default:
                return part;
        }
    }

    static void Tell(IReadOnlyList<string> notices, Action<string>? notice)
    {
        foreach (string sentence in notices)
        {
            notice?.Invoke(sentence);
        }
    }

    /// <summary>The bytes of a source and its name; for a file on this machine no bytes, and its path.</summary>
    async Task<(byte[]? Bytes, string Name)> FetchAsync(string source, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (MediaBytes.IsDataUrl(source))
        {
            return (MediaBytes.ReadDataUrl(source, _options), "The data URL");
        }

        int colon = source.IndexOf("://", StringComparison.Ordinal);
        string scheme = colon > 1 ? source[..colon].ToLowerInvariant() : "file";
        if (scheme is "http" or "https")
        {
            return _options.AllowRemote
                ? await DownloadAsync(source, cancellationToken).ConfigureAwait(false)
                : throw new MediaException($"{Short(source)} is an address and none may be fetched here; give a file or a data: URL, or allow remote media.");
        }

        if (scheme != "file")
        {
            throw new MediaException($"{Short(source)} begins with {scheme}://, which is not read; give a path, a data: URL, or an http(s) address.");
        }

        if (!_options.AllowFiles)
        {
            throw new MediaException($"{Short(source)} is a path and files of this machine may not be read here; send the file itself as a data: URL.");
        }

        bool isFileUrl = colon > 0 && Uri.TryCreate(source, UriKind.Absolute, out Uri? uri) && uri.IsFile;
        return (null, isFileUrl ? new Uri(source).LocalPath : source);
    }

    async Task<(byte[]? Bytes, string Name)> DownloadAsync(string source, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(source, UriKind.Absolute, out Uri? address))
        {
            throw new MediaException($"{Short(source)} is not a well-formed address; write https://host/path.");
        }

        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.RemoteTimeout);
        try
        {
            using HttpResponseMessage answer = await GetAsync(address, timeout.Token).ConfigureAwait(false);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                throw new MediaException($"{Short(source)} answers {(int)answer.StatusCode} ({answer.ReasonPhrase}) and 200 is needed; check the address in "
                    + $"a browser.");
            }

            if (answer.Content.Headers.ContentLength > _options.MaxFileBytes)
            {
                throw MediaBytes.TooLarge(Short(source), answer.Content.Headers.ContentLength.Value, _options);
            }

            using Stream body = await answer.Content.ReadAsStreamAsync(timeout.Token).ConfigureAwait(false);
            using MemoryStream memory = new();
            byte[] buffer = new byte[81_920];
            int read;
            while ((read = await body.ReadAsync(buffer, timeout.Token).ConfigureAwait(false)) > 0)
            {
                memory.Write(buffer, 0, read);
                if (memory.Length > _options.MaxFileBytes)
                {
                    throw MediaBytes.TooLarge(Short(source), memory.Length, _options);
                }
            }

            return (memory.ToArray(), Short(source));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new MediaException(FormattableString.Invariant(
                $"{Short(source)} was not there after {_options.RemoteTimeout.TotalSeconds:0.#} seconds; try again, or raise RemoteTimeout."));
        }
        catch (Exception error) when (error is HttpRequestException or IOException or UriFormatException)
        {
            throw error.InnerException as MediaException
                ?? new MediaException($"{Short(source)} cannot be fetched ({error.Message.TrimEnd('.')}); check the address and the network.", error);
        }
    }

    /// <summary>Asks, and follows redirections to other http(s) addresses, but not from https down to http.</summary>
    async Task<HttpResponseMessage> GetAsync(Uri address, CancellationToken cancellationToken)
    {
        for (int redirections = 0; ; redirections++)
        {
            RequireHost(address);
            HttpResponseMessage answer = await _client.Value.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
                .ConfigureAwait(false);
            bool isMoved = answer.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
                or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;
            if (!isMoved || answer.Headers.Location is not { } location || redirections == MaxRedirections)
            {
                return answer;
            }

            Uri next = new(address, location);
            if (next.Scheme != Uri.UriSchemeHttps && (next.Scheme != Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps))
            {
                return answer;
            }

            answer.Dispose();
            address = next;
        }
    }

    void RequireHost(Uri address)
    {
        if (_options.RemoteHosts is IReadOnlyList<string> hosts && !hosts.Any(host => Covers(host, address.IdnHost)))
        {
            throw new MediaException(
                $"{Short(address.GetLeftPart(UriPartial.Path))} is on the host {address.IdnHost}, which is none of those that media may be fetched from; "
                + "send the file itself as a data: URL, or allow the host.");
        }

        static bool Covers(string pattern, string host) =>
            pattern.StartsWith("*.", StringComparison.Ordinal)
                ? host.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase)
                : string.Equals(pattern, host, StringComparison.OrdinalIgnoreCase);
    }

    HttpClient CreateClient()
    {
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.All,
            UseCookies = false,
            UseProxy = _options.AllowPrivateAddresses,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        };
        if (!_options.AllowPrivateAddresses)
        {
            handler.ConnectCallback = AddressGuard.ConnectAsync;
        }

        HttpClient client = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("GemmaSharp");
        return client;
    }

    /// <summary>An address as messages show it: without a query and a password, which are secrets, and not endless.</summary>
    static string Short(string source)
    {
        int end = source.IndexOfAny(['?', '#']);
        string text = end > 0 ? source[..end] : source;
        int host = text.IndexOf("://", StringComparison.Ordinal) + 3, name = host > 2 ? text.LastIndexOf('@') : -1;
        text = name >= host ? text[..host] + text[(name + 1)..] : text;
        return text.Length > 120 ? text[..117] + "…" : text;
    }
}

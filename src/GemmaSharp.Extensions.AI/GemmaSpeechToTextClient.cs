#pragma warning disable MEAI001 // The interface is experimental, and so is this.
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using GemmaSharp.Media;
using Microsoft.Extensions.AI;

namespace GemmaSharp.Extensions.AI;

/// <summary>A model as the client that writes down and translates speech: sound of any length, cut into clips where it is quietest.</summary>
/// <remarks>Thread-safe. Nothing of a clip's text is carried over to the next.</remarks>
sealed class GemmaSpeechToTextClient : ISpeechToTextClient
{
    readonly ModelSource _source;
    readonly ModelNames _names;
    readonly MediaOptions _media;
    readonly SpeechToTextClientMetadata _metadata;
    readonly CancellationTokenSource _closing = new();
    int _disposed;

    public GemmaSpeechToTextClient(ModelSource source, GemmaSpeechOptions? options)
    {
        _source = source;
        _names = new ModelNames(source, new GemmaChatOptions { ModelId = options?.ModelId });
        _media = options?.Media ?? MediaOptions.Default;
        _metadata = new SpeechToTextClientMetadata(GemmaClientExtensions.Provider, providerUri: null, _names.Default);
    }

    /// <inheritdoc/>
    public async Task<SpeechToTextResponse> GetTextAsync(
        Stream audioSpeechStream, SpeechToTextOptions? options = null, CancellationToken cancellationToken = default) =>
        await GetStreamingTextAsync(audioSpeechStream, options, cancellationToken).ToSpeechToTextResponseAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public IAsyncEnumerable<SpeechToTextResponseUpdate> GetStreamingTextAsync(
        Stream audioSpeechStream, SpeechToTextOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audioSpeechStream);
        ThrowIfDisposed();
        if (_names.Select(options?.ModelId) is not null)
        {
            throw new InvalidOperationException("A speech client has no adapters.");
        }

        if (options?.SpeechSampleRate is < 1)
        {
            throw new ArgumentException($"SpeechSampleRate is {options.SpeechSampleRate}; it must be 1 or more, or null.", nameof(options));
        }

        string prompt = SpeechPrompt.Of(options?.SpeechLanguage, options?.TextLanguage);
        GenerationOptions raw = options?.RawRepresentationFactory?.Invoke(this) as GenerationOptions ?? new GenerationOptions();

        // Sound may say anything; what is written down must not depend on luck.
        GenerationOptions generation = raw with { Temperature = raw.Temperature ?? 0 };
        generation.Validate();
        string modelId = string.IsNullOrEmpty(options?.ModelId) ? _names.Default : options.ModelId;
        return StreamAsync(audioSpeechStream, options?.SpeechSampleRate, prompt, generation, modelId, cancellationToken);
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(SpeechToTextClientMetadata) ? _metadata
            : serviceType == typeof(GemmaModel) ? _source.Loaded
            : serviceType == typeof(Tokenizer) ? _source.Loaded?.Tokenizer
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    /// <summary>Ends what runs, and the model where it is the client's own.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _closing.Cancel();
            _source.Dispose();
            _closing.Dispose();
        }
    }

    async IAsyncEnumerable<SpeechToTextResponseUpdate> StreamAsync(
        Stream stream, int? sampleRate, string prompt, GenerationOptions options, string modelId,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        string responseId = Guid.NewGuid().ToString("N");
        AudioContent sound = await Ended(ReadAsync(stream, sampleRate, ending.Token)).ConfigureAwait(false);
        GemmaModel model = await Ended(_source.GetAsync(ending.Token)).ConfigureAwait(false);
        yield return Update(SpeechToTextResponseUpdateKind.SessionOpen, null, TimeSpan.Zero, TimeSpan.Zero);

        var transcript = new Transcript();
        foreach (SpeechClip clip in SpeechClip.Of(sound))
        {
            transcript.BeginClip();
            AnswerStream? answer = clip.IsSilent ? null : model.Answer(clip.Request(prompt, options), ending.Token);
            if (answer is not null)
            {
                IAsyncEnumerator<GeneratedToken> tokens = answer.GetAsyncEnumerator(ending.Token);
                await using ConfiguredAsyncDisposable reading = tokens.ConfigureAwait(false);
                while (await Ended(tokens.MoveNextAsync()).ConfigureAwait(false))
                {
                    if (transcript.Add(tokens.Current.Text) is { Length: > 0 } piece)
                    {
                        yield return Update(SpeechToTextResponseUpdateKind.TextUpdating, piece, clip.Start, clip.End);
                    }
                }
            }

            // The text was told piece by piece; told again it would be there twice when the updates are put together.
            SpeechToTextResponseUpdate done = Update(SpeechToTextResponseUpdateKind.TextUpdated, null, clip.Start, clip.End);
            done.AdditionalProperties = new AdditionalPropertiesDictionary { ["text"] = transcript.ClipText };
            if (answer is not null)
            {
                done.Contents.Add(new UsageContent(AnswerUpdates.Usage(answer.Statistics)));
            }

            yield return done;
        }

        yield return Update(SpeechToTextResponseUpdateKind.SessionClose, null, TimeSpan.Zero, sound.Duration);

        SpeechToTextResponseUpdate Update(SpeechToTextResponseUpdateKind kind, string? content, TimeSpan from, TimeSpan to) =>
            new(content is null ? [] : [new TextContent(content)]) { Kind = kind, ResponseId = responseId, ModelId = modelId, StartTime = from, EndTime = to };

        async ValueTask<T> Ended<T>(ValueTask<T> task)
        {
            try
            {
                return await task.ConfigureAwait(false);
            }
            catch (OperationCanceledException error)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (_closing.IsCancellationRequested)
                {
                    throw new ObjectDisposedException("The speech client was disposed while it answered; make another one.", error);
                }

                throw;
            }
        }
    }

    /// <summary>Decodes a stream into clips. Without a format that is recognised and with a sample rate given, it is 16-bit little-endian mono.</summary>
    async ValueTask<AudioContent> ReadAsync(Stream stream, int? sampleRate, CancellationToken cancellationToken)
    {
        using var memory = new MemoryStream();
        byte[] buffer = new byte[81_920];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            if (memory.Length + read > _media.MaxFileBytes)
            {
                throw new MediaException(FormattableString.Invariant(
                    $"The stream holds more than {_media.MaxFileBytes:N0} bytes, the most that may be read; send a shorter one or raise MaxFileBytes."));
            }

            memory.Write(buffer, 0, read);
        }

        ReadOnlyMemory<byte> bytes = memory.GetBuffer().AsMemory(0, (int)memory.Length);
        return await Task.Run(() => Decode(bytes, sampleRate), cancellationToken).ConfigureAwait(false);
    }

    AudioContent Decode(ReadOnlyMemory<byte> bytes, int? sampleRate)
    {
        const string Name = "The speech";
        if (sampleRate is not int rate || bytes.IsEmpty || MediaFormat.Detect(bytes.Span[..Math.Min(bytes.Length, 4096)]).Kind != MediaKind.Unknown)
        {
            return AudioSplitter.Split(AudioReader.Read(bytes, Name, _media), Name);
        }

        float[] samples = new float[bytes.Length / sizeof(short)];
        if ((double)samples.Length / rate > _media.MaxAudio.TotalSeconds)
        {
            throw new MediaException(FormattableString.Invariant(
                $"{Name} is {(double)samples.Length / rate:0} s long and at most {_media.MaxAudio.TotalSeconds:0} s are read; send it in parts."));
        }

        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = BinaryPrimitives.ReadInt16LittleEndian(bytes.Span[(i * sizeof(short))..]) / 32768f;
        }

        return AudioSplitter.Split(new AudioContent([new AudioClip(samples, rate)], []), Name);
    }

    void ThrowIfDisposed()
    {
        if (Volatile.Read(ref _disposed) != 0)
        {
            throw new ObjectDisposedException(nameof(GemmaSpeechToTextClient), "The speech client has been disposed; make another one.");
        }
    }
}

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model;
using GemmaSharp.Model.Audio;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Prompting.Chat;
using GemmaSharp.Prompting.Pictures;
using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Prompting;

/// <summary>Turns conversations into prompts: template, placeholders, and the soft tokens of pictures and clips.</summary>
/// <remarks>
/// Clips of one prompt go through the tower as the reference's padded batch, so a longer clip changes the last rows of a shorter one a little.
/// Encoded media are cached by content. Not thread-safe: the model runs one encoding at a time.
/// </remarks>
sealed class PromptEncoder
{
    readonly Gemma3nConfig _config;
    readonly ChatTemplate _template;
    readonly ImageProcessor _images;
    readonly LogMelSpectrogram _mel;
    readonly VisionTower? _vision;
    readonly AudioTower? _audio;
    readonly MultimodalEmbedder? _embedVision;
    readonly MultimodalEmbedder? _embedAudio;
    readonly WorkerTeam _team;
    readonly EncodingCache _cache = new(CacheBytes);

    /// <summary>Room for about sixty pictures or eighty clips of the real model.</summary>
    const long CacheBytes = 128L << 20;

    public PromptEncoder(
        Gemma3nConfig config, ProcessorConfig processor, ChatTemplate template, VisionTower? vision, AudioTower? audio,
        MultimodalEmbedder? embedVision, MultimodalEmbedder? embedAudio, WorkerTeam team, int? imageSide)
    {
        _config = config;
        _template = template;
        _images = new ImageProcessor(processor.ImageProcessor, imageSide);
        _mel = new LogMelSpectrogram(processor.FeatureExtractor);
        _vision = vision;
        _audio = audio;
        _embedVision = embedVision;
        _embedAudio = embedAudio;
        _team = team;
    }

    /// <summary>Bytes of encoded media held.</summary>
    public long CachedBytes => _cache.Bytes;

    /// <summary>Forgets encoded media.</summary>
    public void ClearCache() => _cache.Clear();

    /// <summary>Encodes a conversation.</summary>
    /// <param name="messages">Messages with their pictures and clips.</param>
    /// <param name="addGenerationPrompt">Whether the model's turn is opened at the end.</param>
    /// <param name="trace">Receives the inputs and the towers' intermediates.</param>
    /// <param name="adapters">What is added to the linear layers of towers and embedders.</param>
    /// <exception cref="GenerationException">A picture or clip is missing, or the checkpoint has no tower for it.</exception>
    /// <exception cref="ChatTemplateException">The roles do not alternate.</exception>
    public EncodedPrompt Encode(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, ITrace? trace, AdapterSet adapters)
    {
        bool sees = _vision is not null && _embedVision is not null, hears = _audio is not null && _embedAudio is not null;
        if (Senses.Refusal(messages, sees, hears) is string refusal)
        {
            throw new GenerationException(refusal);
        }

        RgbImage[] images = [.. messages.SelectMany(m => m.Pieces).OfType<ImagePart>().Select(Required)];
        AudioClip[] clips = [.. messages.SelectMany(m => m.Pieces).OfType<AudioPart>().Select(Required)];
        ChatEncoding encoding = _template.Encode(messages, addGenerationPrompt, _config.VisionSoftTokensPerImage, _config.AudioSoftTokensPerImage);
        TraceInputs(encoding.Ids, trace, adapters);
        var soft = new List<SoftTokens>();
        AddImages(images, encoding.Images, soft, trace, adapters);
        AddClips(clips, encoding.Clips, soft, trace, adapters);
        AddHard(encoding.Ids, soft, adapters);
        return new EncodedPrompt(encoding.Ids, [.. soft.OrderBy(tokens => tokens.Start)], adapters);
    }

    /// <summary>A prompt of ids alone; ids of the multimodal vocabularies get their hard embeddings.</summary>
    public EncodedPrompt Encode(int[] ids, ITrace? trace, AdapterSet adapters)
    {
        TraceInputs(ids, trace, adapters);
        var soft = new List<SoftTokens>();
        AddHard(ids, soft, adapters);
        return new EncodedPrompt(ids, soft, adapters);
    }

    /// <summary>The input embedding of a generated token of a multimodal vocabulary, <c>[C]</c>; empty where the text table's row is used.</summary>
    /// <remarks>Without the vocabulary's embedder the model is a text model, which looks every id up in its own table.</remarks>
    public ReadOnlyMemory<float> HardEmbedding(int id, AdapterSet adapters)
    {
        MultimodalEmbedder? embedder = _embedAudio?.Owns(id) == true ? _embedAudio : _embedVision?.Owns(id) == true ? _embedVision : null;
        if (embedder is null)
        {
            return default;
        }

        using var p = new Pass(_team, null, adapters);
        embedder.RequireBase(adapters);
        return embedder.Hard([id], p).Span.ToArray();
    }

    static RgbImage Required(ImagePart part) =>
        part.Image ?? throw new GenerationException($"The picture {part.Source} has not been read; read it before the prompt is encoded.");

    static AudioClip Required(AudioPart part) =>
        part.Clip ?? throw new GenerationException($"The clip {part.Source} has not been read; read it before the prompt is encoded.");

    bool IsMultimodal(int id) => id >= Math.Min(_config.VisionConfig?.VocabOffset ?? int.MaxValue, _config.AudioConfig?.VocabOffset ?? int.MaxValue);

    void AddImages(RgbImage[] images, IReadOnlyList<TokenRun> runs, List<SoftTokens> soft, ITrace? trace, AdapterSet adapters)
    {
        if (images.Length == 0)
        {
            return;
        }

        int tokens = _vision!.TokensPerImage, hidden = _config.TextConfig.HiddenSize;
        var batch = trace is null ? null : new BatchedTrace(trace);
        float[] all = new float[images.Length * tokens * hidden];
        int[] adapterKey = adapters.KeyFor("vision_tower.", "embed_vision.");
        for (int i = 0; i < images.Length; i++)
        {
            (int height, int width) = _images.Size(images[i]);
            UInt128 key = Hash(images[i].Pixels, [images[i].Height, images[i].Width, height, width, .. adapterKey]);
            if (batch is not null || !_cache.TryGet(key, out float[] rows))
            {
                rows = EncodeImage(images[i], height, width, batch, adapters);
                _cache.Add(key, rows);
            }

            rows.CopyTo(all, i * tokens * hidden);
            soft.Add(new SoftTokens(runs[i].Start, runs[i].Count, rows, key));
        }

        batch?.Flush();
        trace.Capture("embed_vision#1", [images.Length, tokens, hidden], all);
    }

    float[] EncodeImage(RgbImage image, int height, int width, ITrace? trace, AdapterSet adapters)
    {
        float[] pixels = _images.Process(image);
        trace.Capture("input.pixel_values", [1, 3, height, width], pixels);
        int tokens = _vision!.TokensPerImage;
        float[] features = new float[tokens * _vision.HiddenSize];
        _vision.Forward(pixels, height, width, features, _team, trace);

        // The reference scales features by √M before the embedder's norm, which all but undoes it.
        float scale = MathF.Sqrt(_vision.HiddenSize);
        foreach (ref float f in features.AsSpan())
        {
            f *= scale;
        }

        return Soft(_embedVision!, features, tokens, adapters);
    }

    void AddClips(AudioClip[] clips, IReadOnlyList<TokenRun> runs, List<SoftTokens> soft, ITrace? trace, AdapterSet adapters)
    {
        if (clips.Length == 0)
        {
            return;
        }

        float[][] samples = [.. clips.Select(clip => Resampler.Resample(clip, _mel.SamplingRate).Samples)];
        int longest = Math.Min(samples.Max(s => s.Length), LogMelSpectrogram.MaxSamples);
        int[] adapterKey = adapters.KeyFor("audio_tower.", "embed_audio.");
        UInt128[] keys = [.. samples.Select(s => Hash(MemoryMarshal.AsBytes(s.AsSpan()), [longest, .. adapterKey]))];
        float[][] rows = new float[clips.Length][];
        if (trace is not null || !Enumerable.Range(0, clips.Length).All(i => _cache.TryGet(keys[i], out rows[i])))
        {
            rows = EncodeClips(samples, trace, adapters);
            for (int i = 0; i < rows.Length; i++)
            {
                _cache.Add(keys[i], rows[i]);
            }
        }

        for (int i = 0; i < clips.Length; i++)
        {
            soft.Add(new SoftTokens(runs[i].Start, runs[i].Count, rows[i], keys[i]));
        }
    }

    /// <summary>Each clip's rows: the encoder's, then the padding token's up to the fixed number of soft tokens.</summary>
    float[][] EncodeClips(float[][] samples, ITrace? trace, AdapterSet adapters)
    {
        int hidden = _config.TextConfig.HiddenSize, tokens = _config.AudioSoftTokensPerImage, clips = samples.Length;
        MelFeatures mel = _mel.ComputeBatch(samples, _team);
        trace.Capture("input.input_features", [clips, mel.Frames, mel.Bands], mel.Values);
        int frames = _audio!.OutputFrames(mel.Frames);
        float[] features = new float[clips * frames * _audio.Width];
        _audio.Forward(mel.Values, mel.Frames, mel.ValidFrames, features, _team, trace, adapters);

        float[] embedded = Soft(_embedAudio!, features, clips * frames, adapters);
        trace.Capture("embed_audio#1", [clips, frames, hidden], embedded);
        float[] padding = HardEmbedding(_embedAudio!.VocabOffset + _embedAudio.VocabSize - 1, adapters).ToArray();
        trace.Capture("embed_audio#2", [1, 1, hidden], padding);

        float[][] rows = new float[clips][];
        for (int c = 0; c < clips; c++)
        {
            rows[c] = new float[tokens * hidden];
            int valid = Math.Min(_audio.ValidOutputFrames(mel.Frames, mel.ValidFrames[c]), tokens);
            embedded.AsSpan(c * frames * hidden, valid * hidden).CopyTo(rows[c]);
            for (int t = valid; t < tokens; t++)
            {
                padding.CopyTo(rows[c], t * hidden);
            }
        }

        return rows;
    }

    float[] Soft(MultimodalEmbedder embedder, float[] features, int count, AdapterSet adapters)
    {
        embedder.RequireBase(adapters);
        using var p = new Pass(_team, null, adapters);
        Rows rows = p.New(count, features.Length / count);
        features.CopyTo(rows.Span);
        return embedder.Soft(rows, p).Span.ToArray();
    }

    /// <summary>Hard embeddings of every multimodal token that no picture or clip covers.</summary>
    void AddHard(int[] ids, List<SoftTokens> soft, AdapterSet adapters)
    {
        var covered = new HashSet<int>(soft.SelectMany(tokens => Enumerable.Range(tokens.Start, tokens.Count)));
        for (int i = 0; i < ids.Length; i++)
        {
            if (IsMultimodal(ids[i]) && !covered.Contains(i))
            {
                ReadOnlyMemory<float> row = HardEmbedding(ids[i], adapters);
                if (row.IsEmpty)
                {
                    throw new GenerationException($"Token {ids[i]} of the prompt belongs to a multimodal vocabulary whose embedder this checkpoint lacks; leave it out, or use a checkpoint with its towers.");
                }

                soft.Add(new SoftTokens(i, 1, row, 0));
            }
        }
    }

    /// <summary>The ids, and the hard embeddings the reference computes for the whole prompt, foreign ids replaced by the vocabulary's last.</summary>
    void TraceInputs(int[] ids, ITrace? trace, AdapterSet adapters)
    {
        if (trace is null)
        {
            return;
        }

        if (trace.Wants("input.input_ids"))
        {
            trace.RecordIds("input.input_ids", [1, ids.Length], ids);
        }

        TraceHard("embed_vision", _embedVision, ids, trace, adapters);
        TraceHard("embed_audio", _embedAudio, ids, trace, adapters);
    }

    void TraceHard(string name, MultimodalEmbedder? embedder, int[] ids, ITrace trace, AdapterSet adapters)
    {
        if (embedder is not null && trace.Wants(name))
        {
            int[] own = [.. ids.Select(id => embedder.Owns(id) ? id : embedder.VocabOffset + embedder.VocabSize - 1)];
            using var p = new Pass(_team, trace, adapters);
            p.Trace(name, embedder.Hard(own, p));
        }
    }

    static UInt128 Hash(ReadOnlySpan<byte> content, ReadOnlySpan<int> parameters)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(content);
        hash.AppendData(MemoryMarshal.AsBytes(parameters));
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return MemoryMarshal.Read<UInt128>(digest);
    }
}

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
/// Encoded media are cached by content. <see cref="Plan(IReadOnlyList{ChatMessage}, bool, bool)"/> needs no weights and is thread-safe; whatever computes runs
/// on the engine's thread.
/// </remarks>
sealed class PromptEncoder
{
    readonly Gemma3nConfig _config;
    readonly ChatTemplate _template;
    readonly ImageProcessor _images;
    readonly LogMelSpectrogram _mel;
    readonly ModelParts _parts;
    readonly LinearModules _linears;
    readonly WorkerTeam _team;
    readonly EncodingCache _cache;
    bool _isEncoding;

    /// <summary>Room for about sixty pictures or eighty clips of the real model.</summary>
    public const long DefaultCacheBytes = 128L << 20;

    public PromptEncoder(
        Gemma3nConfig config, ProcessorConfig processor, ChatTemplate template, ModelParts parts, LinearModules linears, WorkerTeam team, int? imageSide,
        long cacheBytes = DefaultCacheBytes)
    {
        _cache = new EncodingCache(cacheBytes);
        _config = config;
        _template = template;
        _images = new ImageProcessor(processor.ImageProcessor, imageSide);
        _mel = new LogMelSpectrogram(processor.FeatureExtractor);
        _parts = parts;
        _linears = linears;
        _team = team;
    }

    /// <summary>Bytes of encoded media held.</summary>
    public long CachedBytes => _cache.Bytes;

    /// <summary>Forgets encoded media.</summary>
    public void ClearCache() => _cache.Clear();

    /// <summary>A picture as the vision tower gets it, before its colours are scaled.</summary>
    public RgbImage Seen(ImagePart part)
    {
        (RgbImage image, int? side) = (part.Image!, part.Side);
        (int height, int width) = _images.Size(image, side);
        return _images.Resize(image, height, width);
    }

    /// <summary>A clip as the audio tower gets it.</summary>
    public MelFeatures Heard(AudioClip clip) => _mel.Compute(Resampler.ResampleBeginning(clip, _mel.SamplingRate, LogMelSpectrogram.MaxSamples));

    /// <summary>Writes a conversation as ids, with places for its pictures and clips.</summary>
    /// <param name="messages">Messages with their pictures and clips.</param>
    /// <param name="addGenerationPrompt">Whether the model's turn is opened at the end.</param>
    /// <param name="goesOn">Whether an answer at the end is left open, to be gone on with.</param>
    /// <exception cref="GenerationException">A picture or clip is missing, or the checkpoint has no tower for it.</exception>
    /// <exception cref="ChatTemplateException">The roles do not alternate.</exception>
    public PromptPlan Plan(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool goesOn = false)
    {
        bool sees = _parts is { Vision: not null, EmbedVision: not null }, hears = _parts is { Audio: not null, EmbedAudio: not null };
        if (Senses.Refusal(messages, sees, hears) is string refusal)
        {
            throw new GenerationException(refusal);
        }

        ImagePart[] images = [.. messages.SelectMany(m => m.Pieces).OfType<ImagePart>().Select(Required)];
        AudioClip[] clips = [.. messages.SelectMany(m => m.Pieces).OfType<AudioPart>().Select(Required)];
        ChatEncoding encoding = _template.Encode(messages, addGenerationPrompt, _config.VisionSoftTokensPerImage, _config.AudioSoftTokensPerImage, goesOn);
        return encoding.Images.Count == images.Length && encoding.Clips.Count == clips.Length
            ? new PromptPlan(encoding.Ids, images, encoding.Images, clips, encoding.Clips)
            : throw new InvalidOperationException("The parts of a message changed while the prompt was made of them; leave them as they are until it is.");
    }

    /// <summary>Encodes what a plan has places for.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="trace">Receives the inputs and the towers' intermediates.</param>
    /// <param name="adapters">What is added to the linear layers of towers and embedders.</param>
    /// <returns>Null after each bounded piece of work, and the prompt at the end.</returns>
    /// <exception cref="GenerationException">A token belongs to a vocabulary whose embedder the checkpoint lacks.</exception>
    public IEnumerable<EncodedPrompt?> Encode(PromptPlan plan, ITrace? trace, AdapterSet adapters)
    {
        TraceInputs(plan.Ids, trace, adapters);
        var soft = new List<SoftTokens>();
        foreach (int _ in AddImages(plan, soft, trace, adapters))
        {
            yield return null;
        }

        foreach (int _ in AddClips(plan, soft, trace, adapters))
        {
            yield return null;
        }

        AddHard(plan.Ids, soft, adapters);
        yield return new EncodedPrompt(plan.Ids, [.. soft.OrderBy(tokens => tokens.Start)], adapters, _linears);
    }

    /// <summary>Whether a token has a <see cref="HardEmbedding"/>.</summary>
    public bool IsHard(int id) => _parts.EmbedAudio?.Owns(id) == true || _parts.EmbedVision?.Owns(id) == true;

    /// <summary>The input embedding of a generated token of a multimodal vocabulary, <c>[C]</c>; empty where the text table's row is used.</summary>
    /// <remarks>Without the vocabulary's embedder the model is a text model, which looks every id up in its own table.</remarks>
    public ReadOnlyMemory<float> HardEmbedding(int id, AdapterSet adapters)
    {
        MultimodalEmbedder? embedder =
            _parts.EmbedAudio?.Owns(id) == true ? _parts.EmbedAudio
            : _parts.EmbedVision?.Owns(id) == true ? _parts.EmbedVision
            : null;
        if (embedder is null)
        {
            return default;
        }

        using var p = new Pass(_team, null, adapters);
        return embedder.Hard([id], p).Span.ToArray();
    }

    static ImagePart Required(ImagePart part) =>
        part.Image is not null ? part : throw new GenerationException($"The picture {part.Source} has not been read; read it before the prompt is encoded.");

    static AudioClip Required(AudioPart part) =>
        part.Clip ?? throw new GenerationException($"The clip {part.Source} has not been read; read it before the prompt is encoded.");

    // Tokens that a fine-tune has added behind these are the text model's own.
    bool IsMultimodal(int id) =>
        (_config.VisionConfig is VisionConfig vision && id >= vision.VocabOffset && id < vision.VocabOffset + vision.VocabSize)
        || (_config.AudioConfig is AudioConfig audio && id >= audio.VocabOffset && id < audio.VocabOffset + audio.VocabSize);

    /// <summary>Soft tokens of every picture; yields after each piece of work.</summary>
    IEnumerable<int> AddImages(PromptPlan plan, List<SoftTokens> soft, ITrace? trace, AdapterSet adapters)
    {
        if (plan.Images.Length == 0)
        {
            yield break;
        }

        int tokens = _parts.Vision!.TokensPerImage, hidden = _config.TextConfig.HiddenSize;
        var batch = trace is null ? null : new BatchedTrace(trace);
        float[] all = new float[trace is null ? 0 : plan.Images.Length * tokens * hidden];
        int[] adapterKey = adapters.KeyFor("vision_tower.", "embed_vision.");
        for (int i = 0; i < plan.Images.Length; i++)
        {
            (RgbImage image, int? side) = (plan.Images[i].Image!, plan.Images[i].Side);
            (int height, int width) = _images.Size(image, side);
            UInt128 key = Hash(image.Pixels, [image.Height, image.Width, height, width, .. adapterKey]);
            yield return 0;
            float[] rows = [];
            bool isKnown = batch is null && _cache.TryGet(key, out rows);
            while (!isKnown && _isEncoding)
            {
                // What another answer encodes may be the same picture.
                yield return 0;
                isKnown = batch is null && _cache.TryGet(key, out rows);
            }

            if (!isKnown)
            {
                rows = new float[tokens * hidden];
                foreach (int piece in Alone(EncodeImage(image, height, width, rows, batch, adapters)))
                {
                    yield return piece;
                }

                _cache.Add(key, rows);
            }

            if (trace is not null)
            {
                rows.CopyTo(all, i * tokens * hidden);
            }

            soft.Add(new SoftTokens(plan.ImageRuns[i].Start, plan.ImageRuns[i].Count, rows, key));
        }

        batch?.Flush();
        if (trace is not null && trace.Wants("embed_vision#1"))
        {
            trace.Record("embed_vision#1", [plan.Images.Length, tokens, hidden], 0, all);
        }
    }

    /// <summary>
    /// One tower's work at a time, however many answers want one: their scratch memory is large, and all of them together are done no later. Who has to wait
    /// yields meanwhile; the one that runs is moved on by the engine like him, or disposed.
    /// </summary>
    IEnumerable<int> Alone(IEnumerable<int> pieces)
    {
        while (_isEncoding)
        {
            yield return 0;
        }

        _isEncoding = true;
        try
        {
            foreach (int piece in pieces)
            {
                yield return piece;
            }
        }
        finally
        {
            _isEncoding = false;
        }
    }

    /// <summary>One picture's rows, <c>[TokensPerImage, C]</c>; yields after each piece of work.</summary>
    IEnumerable<int> EncodeImage(RgbImage image, int height, int width, float[] rows, ITrace? trace, AdapterSet adapters)
    {
        VisionTower vision = _parts.Vision!;
        float[] pixels = _images.Process(image, height, width);
        using var p = new Pass(_team, trace, adapters);
        p.Trace("input.pixel_values", [1, 3, height, width], pixels);
        yield return 0;

        float[] features = new float[vision.TokensPerImage * vision.HiddenSize];
        foreach (int piece in vision.Encode(pixels, height, width, features, p))
        {
            yield return piece;
        }

        // The reference scales features by √M before the embedder's norm, which all but undoes it.
        Rows scaled = p.ScaleInPlace(p.Copy(features, vision.HiddenSize), MathF.Sqrt(vision.HiddenSize));
        _parts.EmbedVision!.Soft(scaled, p).Span.CopyTo(rows);
        yield return 0;
    }

    /// <summary>Soft tokens of every clip; yields after each piece of work.</summary>
    IEnumerable<int> AddClips(PromptPlan plan, List<SoftTokens> soft, ITrace? trace, AdapterSet adapters)
    {
        int clips = plan.Clips.Length;
        if (clips == 0)
        {
            yield break;
        }

        float[][] samples = new float[clips][];
        for (int i = 0; i < clips; i++)
        {
            samples[i] = Resampler.ResampleBeginning(plan.Clips[i], _mel.SamplingRate, LogMelSpectrogram.MaxSamples);
            yield return 0;
        }

        int longest = Math.Min(samples.Max(s => s.Length), LogMelSpectrogram.MaxSamples);
        int[] adapterKey = adapters.KeyFor("audio_tower.", "embed_audio.");
        UInt128[] keys = new UInt128[clips];
        for (int i = 0; i < clips; i++)
        {
            keys[i] = Hash(MemoryMarshal.AsBytes(samples[i].AsSpan(0, Math.Min(samples[i].Length, longest))), [longest, .. adapterKey]);
            yield return 0;
        }

        float[][] rows = new float[clips][];
        if (trace is not null || !Enumerable.Range(0, clips).All(i => _cache.TryGet(keys[i], out rows[i])))
        {
            foreach (int piece in Alone(EncodeClips(samples, rows, trace, adapters)))
            {
                yield return piece;
            }

            for (int i = 0; i < rows.Length; i++)
            {
                _cache.Add(keys[i], rows[i]);
            }
        }

        for (int i = 0; i < clips; i++)
        {
            soft.Add(new SoftTokens(plan.ClipRuns[i].Start, plan.ClipRuns[i].Count, rows[i], keys[i]));
        }
    }

    /// <summary>Each clip's rows: the encoder's, then the padding token's up to the fixed number of soft tokens; yields after each piece of work.</summary>
    IEnumerable<int> EncodeClips(float[][] samples, float[][] rows, ITrace? trace, AdapterSet adapters)
    {
        AudioTower audio = _parts.Audio!;
        MultimodalEmbedder embedder = _parts.EmbedAudio!;
        int hidden = _config.TextConfig.HiddenSize, tokens = _config.AudioSoftTokensPerImage, clips = samples.Length;
        MelFeatures mel = _mel.NewBatch(samples);
        for (int i = 0; i < clips; i++)
        {
            _mel.Compute(samples[i], i, mel, _team);
            yield return 0;
        }

        using var p = new Pass(_team, trace, adapters);
        p.Trace("input.input_features", [clips, mel.Frames, mel.Bands], mel.Values);
        yield return 0;

        int frames = audio.OutputFrames(mel.Frames);
        float[] features = new float[clips * frames * audio.Width];
        foreach (int piece in audio.Encode(mel.Values, mel.Frames, mel.ValidFrames, features, p))
        {
            yield return piece;
        }

        Rows embedded = embedder.Soft(p.Copy(features, audio.Width), p);
        p.Trace("embed_audio#1", [clips, frames, hidden], embedded);
        Rows padding = p.Trace("embed_audio#2", embedder.Hard([embedder.VocabOffset + embedder.VocabSize - 1], p));
        for (int c = 0; c < clips; c++)
        {
            rows[c] = new float[tokens * hidden];
            int valid = Math.Min(audio.ValidOutputFrames(mel.Frames, mel.ValidFrames[c]), tokens);
            embedded.Slice(c * frames, valid).Span.CopyTo(rows[c]);
            for (int t = valid; t < tokens; t++)
            {
                padding[0].CopyTo(rows[c].AsSpan(t * hidden));
            }
        }

        yield return 0;
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
                    throw new GenerationException(
                        $"Token {ids[i]} of the prompt belongs to a multimodal vocabulary whose embedder this checkpoint lacks; "
                        + "leave it out, or use a checkpoint with its towers.");
                }

                soft.Add(new SoftTokens(i, 1, row, 0));
            }
            else if (ids[i] >= _config.TextConfig.VocabSize && !covered.Contains(i))
            {
                throw new GenerationException(FormattableString.Invariant(
                    $"Token {ids[i]} of the prompt has no row in the embedding table, which ends at {_config.TextConfig.VocabSize - 1}; leave it out, ")
                    + "or use the checkpoint whose tokenizer this is.");
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

        TraceHard("embed_vision", _parts.EmbedVision, ids, trace, adapters);
        TraceHard("embed_audio", _parts.EmbedAudio, ids, trace, adapters);
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

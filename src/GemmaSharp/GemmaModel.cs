using System.Diagnostics;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Generation;
using GemmaSharp.Layers;
using GemmaSharp.Model;
using GemmaSharp.Model.Audio;
using GemmaSharp.Model.Text;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Prompting;
using GemmaSharp.Prompting.Chat;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GemmaSharp;

/// <summary>A loaded Gemma 3n: the door of the library.</summary>
/// <remarks>
/// Thread-safe: any number of sessions may answer at once and then share the model's steps. Weights are mapped from the checkpoint's files, which must stay where they are until
/// <see cref="Dispose"/>; finish or cancel answers before that.
/// </remarks>
public sealed class GemmaModel : IDisposable
{
    readonly Checkpoint _checkpoint;
    readonly WorkerTeam _team;
    readonly InferenceEngine _engine;
    readonly PromptEncoder _encoder;
    readonly ILogger _logger;
    bool _disposed;

    GemmaModel(string path, GemmaModelOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        _logger = options.LoggerFactory?.CreateLogger<GemmaModel>() ?? NullLogger<GemmaModel>.Instance;
        _checkpoint = Checkpoint.Open(path, new CheckpointOptions { VisionWeights = options.VisionWeights, Slice = options.Slice, Products = options.Exact ? ProductMode.Exact : ProductMode.Fast });
        try
        {
            Config = _checkpoint.Config;
            ModelParts parts = ModelParts.Build(_checkpoint.Root, _checkpoint.Config, options.Vision, options.Audio);
            (Text, Vision, Audio) = (parts.Text, parts.Vision, parts.Audio);
            Report = _checkpoint.Report();
            Report.ThrowIfErrors();
            Tokenizer = Tokenizer.Load(path);
            ChatTemplate = ChatTemplate.Load(path, Tokenizer);
            GenerationDefaults = GenerationDefaults.Load(path, Config);
            ContextLength = Math.Min(options.ContextLength ?? int.MaxValue, Config.TextConfig.MaxPositionEmbeddings);
            Warnings = [.. Report.Findings.Where(f => f.Severity == Severity.Warning).Select(f => f.Problem), .. ChatTemplate.Warning is string w ? [w] : Array.Empty<string>()];
            _team = new WorkerTeam(options.Threads ?? Environment.ProcessorCount);
            _encoder = new PromptEncoder(
                Config, ProcessorConfig.Load(path), ChatTemplate, Vision, Audio, parts.EmbedVision, parts.EmbedAudio, _team, options.ImageSize);
            _engine = new InferenceEngine(Text, _team);
        }
        catch
        {
            _team?.Dispose();
            _checkpoint.Dispose();
            throw;
        }

        LoadTime = Stopwatch.GetElapsedTime(start);
        foreach (string warning in Warnings)
        {
            _logger.LogWarning("{Warning}", warning);
        }

        _logger.LogInformation("Loaded {Path} in {Seconds:F2} s", path, LoadTime.TotalSeconds);
    }

    /// <summary>The checkpoint's configuration; of a slice, the smaller model's.</summary>
    internal Gemma3nConfig Config { get; }

    /// <summary>Text to ids and back.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>Conversations to prompts.</summary>
    internal ChatTemplate ChatTemplate { get; }

    /// <summary>The checkpoint's own generation settings.</summary>
    internal GenerationDefaults GenerationDefaults { get; }

    /// <summary>What loading found; no errors, but perhaps warnings and notes.</summary>
    public LoadReport Report { get; }

    /// <summary>What a user should know: warnings of the load report, an unknown chat template.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The language model.</summary>
    internal TextModel Text { get; }

    /// <summary>The vision tower; null when the checkpoint has none or it was not wanted.</summary>
    internal VisionTower? Vision { get; }

    /// <summary>The audio tower; null when the checkpoint has none or it was not wanted.</summary>
    internal AudioTower? Audio { get; }

    /// <summary>Threads that compute.</summary>
    public int Threads => _team.Threads;

    /// <summary>The most tokens of a conversation.</summary>
    public int ContextLength { get; }

    /// <summary>How long loading took.</summary>
    public TimeSpan LoadTime { get; }

    /// <summary>Bytes of scratch memory and of encoded media held besides the mapped weights and the sessions' caches.</summary>
    public long ScratchBytes => _engine.ScratchBytes + _encoder.CachedBytes;

    /// <summary>The linear layers, as adapters know them.</summary>
    internal LinearModules Linears => _checkpoint.Linears;

    /// <summary>Loads a checkpoint folder: Hugging Face or MLX names, one file or shards.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="CheckpointException">The folder holds no checkpoint that fits; its report has every finding.</exception>
    /// <exception cref="ConfigurationException">The configuration is of another model, or impossible.</exception>
    /// <exception cref="TokenizerException">The tokenizer's files cannot be used.</exception>
    /// <exception cref="SliceException">The model has no slice such as the options want.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static GemmaModel Load(string path, GemmaModelOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new GemmaModelOptions();
        options.Validate();
        return new GemmaModel(path, options);
    }

    /// <summary>Reads a LoRA adapter for this model: what peft or mlx-lm saved. The model itself does not change.</summary>
    /// <param name="folder">A folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c> or <c>adapters.safetensors</c>.</param>
    /// <returns>The adapter, for any number of this model's sessions.</returns>
    /// <exception cref="AdapterException">The folder holds no adapter, or one that does not fit this model; then its report has every finding.</exception>
    /// <exception cref="SafetensorsException">The weight file is damaged.</exception>
    public LoraAdapter LoadAdapter(string folder)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        LoraAdapter adapter = LoraAdapter.Load(folder, _checkpoint);
        foreach (Finding finding in adapter.Report.Findings.Where(f => f.Severity == Severity.Warning))
        {
            _logger.LogWarning("{Warning}", finding.Problem);
        }

        _logger.LogInformation("Loaded adapter {Folder}: {Modules} modules", folder, adapter.Modules.Count);
        return adapter;
    }

    /// <summary>A new conversation.</summary>
    /// <param name="adapters">What is added to the model's linear layers for all of it; null for the model as it is. Conversations with different adapters share the model's steps.</param>
    /// <exception cref="ArgumentException">The adapters were loaded for another model.</exception>
    public GemmaSession NewSession(AdapterSet? adapters = null)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new GemmaSession(this, Usable(adapters));
    }

    /// <summary>Encodes a conversation with its pictures and clips.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="addGenerationPrompt">Whether the model's turn is opened at the end.</param>
    /// <param name="trace">Receives the inputs and the towers' intermediates; null for none.</param>
    /// <param name="adapters">Those of the session that will answer; null for none.</param>
    /// <exception cref="ArgumentException">The adapters were loaded for another model.</exception>
    /// <exception cref="GenerationException">A picture or clip has not been read or the checkpoint has no tower for it, or the checkpoint is no chat model.</exception>
    /// <exception cref="ChatTemplateException">The roles do not alternate.</exception>
    public EncodedPrompt Encode(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true, ITrace? trace = null, AdapterSet? adapters = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!ChatTemplate.HasTemplate)
        {
            throw new GenerationException("This checkpoint has no chat template, so it is a base model: give it a plain text to continue.");
        }

        if (messages.Count == 0)
        {
            throw new GenerationException("The conversation is empty; it must have at least one message.");
        }

        return _engine.Exclusively(() => _encoder.Encode(messages, addGenerationPrompt, trace, Usable(adapters)));
    }

    /// <summary>Encodes a text to be continued, without a chat template; spellings of control tokens become control tokens.</summary>
    /// <param name="text">The text; <c>&lt;bos&gt;</c> is put before it unless it has one.</param>
    /// <param name="trace">Receives the inputs; null for none.</param>
    /// <param name="adapters">Those of the session that will answer; null for none.</param>
    /// <exception cref="ArgumentException">The adapters were loaded for another model.</exception>
    /// <exception cref="GenerationException">The text is empty.</exception>
    public EncodedPrompt EncodeText(string text, ITrace? trace = null, AdapterSet? adapters = null)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (string.IsNullOrEmpty(text))
        {
            throw new GenerationException("The prompt is empty; give at least one character.");
        }

        int[] ids = Tokenizer.EncodeToIds(text);
        if (ids[0] != Config.TextConfig.BosTokenId)
        {
            ids = [Config.TextConfig.BosTokenId, .. ids];
        }

        return _engine.Exclusively(() => _encoder.Encode(ids, trace, Usable(adapters)));
    }

    /// <summary>One forward pass over a whole prompt, every named intermediate handed to the trace.</summary>
    /// <param name="prompt">The prompt; what the towers computed for it was traced while it was encoded. Its adapters are those of the pass.</param>
    /// <param name="trace">Receives the text model's intermediates.</param>
    /// <exception cref="GenerationException">The prompt does not fit the context.</exception>
    public void Trace(EncodedPrompt prompt, ITrace trace)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(trace);
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireRoom(prompt, answer: 0);
        _engine.Exclusively(() =>
        {
            int length = prompt.Ids.Length;
            using KvCache cache = Text.NewCache(length);
            using TextPass pass = Text.NewPass(_team);
            var step = new TextStep();
            step.Add(cache, prompt.Ids, 1, prompt.Rows(0, length), prompt.Adapters);
            Text.Forward(step, pass, trace);
            return true;
        });
    }

    /// <summary>Drops encoded pictures and clips.</summary>
    public void ClearMediaCache() => _encoder.ClearCache();

    /// <summary>Ends running answers, frees scratch memory and unmaps the weights.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _engine.Dispose();
            _team.Dispose();
            _checkpoint.Dispose();
        }
    }

    /// <summary>Starts an answer on a session's sequence.</summary>
    internal (GenerationJob Job, ulong Seed) Start(SequenceState sequence, EncodedPrompt prompt, GenerationOptions options, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        options = Resolve(options);
        options.Validate();
        RequireRoom(prompt, answer: 1);
        ulong seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
        var eos = new HashSet<int>(GenerationDefaults.EosTokenId);
        if (ChatTemplate.HasTemplate && Tokenizer.EndOfTurnTokenId is int endOfTurn)
        {
            eos.Add(endOfTurn);
        }

        var sampler = new Sampler(options, seed, prompt.Ids, options.IgnoreEos ? eos.Where(id => id < Config.TextConfig.VocabSize) : []);
        var job = new GenerationJob(sequence, prompt, options, sampler, eos, Tokenizer, _encoder.HardEmbedding, ContextLength, cancellationToken);
        _engine.Submit(job);
        return (job, seed);
    }

    AdapterSet Usable(AdapterSet? adapters)
    {
        adapters?.RequireBase(_checkpoint.Linears);
        return adapters ?? AdapterSet.None;
    }

    /// <summary>Fills what the options leave open from the checkpoint's settings.</summary>
    GenerationOptions Resolve(GenerationOptions options) => options with
    {
        MaxTokens = options.MaxTokens ?? GenerationDefaults.MaxNewTokens,
        Temperature = options.Temperature ?? (GenerationDefaults.DoSample ? (float)GenerationDefaults.Temperature : 0f),
        TopK = options.TopK ?? GenerationDefaults.TopK,
        TopP = options.TopP ?? (float)GenerationDefaults.TopP,
    };

    void RequireRoom(EncodedPrompt prompt, int answer)
    {
        if (prompt.Ids.Length == 0)
        {
            throw new GenerationException("The prompt is empty; give at least one token.");
        }

        if (prompt.Ids.Length + answer > ContextLength)
        {
            throw new GenerationException(
                FormattableString.Invariant($"The prompt has {prompt.Ids.Length:N0} tokens and the context holds {ContextLength:N0}; shorten it."));
        }
    }
}

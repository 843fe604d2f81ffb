using System.Diagnostics;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Forecast;
using GemmaSharp.Generation;
using GemmaSharp.Layers;
using GemmaSharp.Model;
using GemmaSharp.Model.Audio;
using GemmaSharp.Model.Text;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Prompting;
using GemmaSharp.Prompting.Chat;
using GemmaSharp.Prompting.Tools;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GemmaSharp;

/// <summary>A loaded Gemma 3n: the door of the library.</summary>
/// <remarks>
/// Thread-safe: any number of sessions may answer at once and then share the model's steps; all computing is done by one thread of the model's and its team.
/// Weights are mapped from the checkpoint's files, which must stay where they are until <see cref="Dispose"/>.
/// </remarks>
public sealed class GemmaModel : IDisposable
{
    readonly Checkpoint _checkpoint;
    readonly WorkerTeam _team;
    readonly ILogger _logger;
    readonly Lazy<ModelSummary> _summary;

    // Guarded by the gate: who reads the checkpoint on a thread other than the engine's.
    readonly object _gate = new();
    int _readers;
    bool _disposed;

    GemmaModel(string path, GemmaModelOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        _logger = options.LoggerFactory?.CreateLogger<GemmaModel>() ?? NullLogger<GemmaModel>.Instance;
        _checkpoint = Checkpoint.Open(path, OptionsFor(options));
        try
        {
            Config = _checkpoint.Config;
            ModelParts parts = ModelParts.Build(_checkpoint.Root, _checkpoint.Config, options.Vision, options.Audio, options.CacheType);
            (Text, Vision, Audio) = (parts.Text, parts.Vision, parts.Audio);
            Report = _checkpoint.Report();
            Report.ThrowIfErrors();
            Tokenizer = _checkpoint.LoadTokenizer();
            RequireVocabulary(Tokenizer, Config);
            ChatTemplate = _checkpoint.LoadChatTemplate(Tokenizer);
            GenerationDefaults = _checkpoint.LoadGenerationDefaults();
            GenerationDefaults = options.Defaults?.Over(GenerationDefaults) ?? GenerationDefaults;
            Memory = options.Memory is null ? null : EstimateMemory(path, options);
            options = Memory is null ? options : options with
            {
                ContextLength = Memory.ContextLength,
                ImageSize = Memory.ImageSize,
                MaxActive = Memory.MaxActive,
                CacheBytes = Memory.CacheBytes,
            };
            ContextLength = Math.Min(options.ContextLength ?? options.Defaults?.ContextLength ?? int.MaxValue, Config.TextConfig.MaxPositionEmbeddings);
            string?[] said =
            [
                Memory?.Sacrifice(Config), ChatTemplate.Warning, GenerationDefaults.Warning, options.Defaults?.Warning,
                options.Exact ? null : SlowForms(_checkpoint),
            ];
            Warnings = [.. Report.Findings.Where(f => f.Severity == Severity.Warning).Select(f => f.Problem), .. said.OfType<string>()];
            _team = new WorkerTeam(options.Threads ?? Environment.ProcessorCount);
            Linears.PrepareProducts(_team);
            _checkpoint.ForgetFiles();
            ProcessorConfig processor = _checkpoint.LoadProcessor();
            if (Audio is not null)
            {
                processor.RequireBands(Config);
            }

            Encoder = new PromptEncoder(
                Config, processor, ChatTemplate, parts, Linears, _team, options.ImageSize, Memory?.EncodedBytes ?? PromptEncoder.DefaultCacheBytes);
            Defaults = options.Defaults;
            Name = CheckpointName.Of(path);
            MaxActive = options.MaxActive;
            Speculation = options.Speculation;
            LoadTime = Stopwatch.GetElapsedTime(start);
            _summary = new Lazy<ModelSummary>(() => Reading(() => ModelSummary.Of(_checkpoint, Vision is not null, Audio is not null)));
            foreach (string warning in Warnings)
            {
                _logger.LogWarning("{Warning}", warning);
            }

            _logger.LogInformation("Loaded {Path} in {Seconds:F2} s", path, LoadTime.TotalSeconds);
            int stepRows = Memory?.StepRows ?? InferenceEngine.MaxStepRows;
            var prefixes = new PrefixPool(Text, options.CacheBytes ?? DefaultCacheBytes, Math.Min(PrefixPool.MaxStepRows, stepRows));
            Engine = new InferenceEngine(
                Text, _team, options.Clock, new Admission(options.MaxActive, options.MaxQueued), prefixes, Release, stepRows);
        }
        catch
        {
            _team?.Dispose();
            _checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Guesses of answers that leave it open; null for as many as pay.</summary>
    internal int? Speculation { get; }

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

    /// <summary>What it is asked with unless a request says otherwise; null for what the checkpoint says.</summary>
    internal ModelDefaults? Defaults { get; }

    /// <summary>The audio tower; null when the checkpoint has none or it was not wanted.</summary>
    internal AudioTower? Audio { get; }

    /// <summary>Conversations to what the language model takes.</summary>
    internal PromptEncoder Encoder { get; }

    /// <summary>Who computes.</summary>
    internal InferenceEngine Engine { get; }

    /// <summary>Threads that compute.</summary>
    public int Threads => _team.Threads;

    /// <summary>The most tokens of a conversation.</summary>
    public int ContextLength { get; }

    /// <summary>The checkpoint's name: of a downloaded snapshot the repository it is from, or else its folder's name.</summary>
    public string Name { get; }

    /// <summary>What the checkpoint is.</summary>
    public ModelSummary Summary => _summary.Value;

    /// <summary>How many answers are computed side by side at most.</summary>
    public int MaxActive { get; }

    /// <summary>Answers that are being computed.</summary>
    public int ActiveAnswers => Engine.Admission.Computed;

    /// <summary>Answers that wait.</summary>
    public int WaitingAnswers => Engine.Admission.Waiting;

    /// <summary>How long loading took.</summary>
    public TimeSpan LoadTime { get; }

    /// <summary>Bytes of scratch memory and of encoded media held besides the mapped weights and the sessions' caches, as of the last step.</summary>
    public long ScratchBytes => Engine.ScratchBytes + Encoder.CachedBytes;

    /// <summary>Bytes of keys and values held for answers outside sessions: by those that run, and by prefixes kept for those to come.</summary>
    public long CacheBytes => Engine.Prefixes.Bytes;

    /// <summary>What was chosen to keep to <see cref="GemmaModelOptions.Memory"/>, and what the model then takes; null where nothing was given.</summary>
    public MemoryEstimate? Memory { get; }

    /// <summary>Bytes of the copies of weights: packed ones, and small tensors as float32.</summary>
    internal long CopiedWeightBytes => Linears.PackedBytes + _checkpoint.CopiedBytes;

    static long DefaultCacheBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;

    /// <summary>The linear layers, as adapters know them.</summary>
    internal LinearModules Linears => _checkpoint.Linears;

    /// <summary>Loads a checkpoint: a folder with Hugging Face or MLX names, one file or shards; or a GGUF file.</summary>
    /// <param name="path">The folder, or the GGUF file, of which any part will do.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="CheckpointException">The folder holds no checkpoint that fits; its report has every finding.</exception>
    /// <exception cref="ConfigurationException">The configuration is of another model, or impossible.</exception>
    /// <exception cref="TokenizerException">The tokenizer's files cannot be used, or are another model's.</exception>
    /// <exception cref="SliceException">The model has no slice such as the options want.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static GemmaModel Load(string path, GemmaModelOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new GemmaModelOptions();
        options.Validate();
        return new GemmaModel(path, options);
    }

    /// <summary>What a checkpoint would take of the machine's memory once it is loaded, from the headers of its files alone: no weight is read.</summary>
    /// <param name="path">As of <see cref="Load"/>.</param>
    /// <param name="options">How it would be loaded; null for the defaults. With <see cref="GemmaModelOptions.Memory"/>, what would be chosen.</param>
    /// <exception cref="CheckpointException">The folder holds no checkpoint that fits; its report has every finding.</exception>
    /// <exception cref="ConfigurationException">The configuration is of another model, or impossible.</exception>
    /// <exception cref="SliceException">The model has no slice such as the options want.</exception>
    /// <exception cref="MemoryLimitException">It does not fit <see cref="GemmaModelOptions.Memory"/>.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <remarks>What is mapped of files counts like any other memory. docs/memory.md compares predictions with what processes have.</remarks>
    public static MemoryEstimate EstimateMemory(string path, GemmaModelOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new GemmaModelOptions();
        options.Validate();
        using Checkpoint checkpoint = Checkpoint.Open(path, OptionsFor(options) with { HeadersOnly = true });
        return MemoryPlanner.Estimate(checkpoint, checkpoint.LoadProcessor(), options, DefaultCacheBytes);
    }

    /// <summary>Reads a LoRA adapter for this model: what peft or mlx-lm saved. The model itself does not change.</summary>
    /// <param name="folder">A folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c> or <c>adapters.safetensors</c>.</param>
    /// <returns>The adapter, for any number of this model's sessions.</returns>
    /// <exception cref="AdapterException">The folder holds no adapter, or one that does not fit this model; then its report has every finding.</exception>
    /// <exception cref="SafetensorsException">The weight file is damaged.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public LoraAdapter LoadAdapter(string folder)
    {
        LoraAdapter adapter = Reading(() => LoraAdapter.Load(folder, _checkpoint));
        foreach (Finding finding in adapter.Report.Findings.Where(f => f.Severity == Severity.Warning))
        {
            _logger.LogWarning("{Warning}", finding.Problem);
        }

        _logger.LogInformation("Loaded adapter {Folder}: {Modules} modules", folder, adapter.Modules.Count);
        return adapter;
    }

    /// <summary>A new conversation.</summary>
    /// <param name="adapters">What is added to the model's linear layers for all of it; null for the model as it is. Conversations with different adapters
    /// share the model's steps.</param>
    /// <exception cref="ArgumentException">The adapters were loaded for another model.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public GemmaSession NewSession(AdapterSet? adapters = null)
    {
        ThrowIfDisposed();
        return new GemmaSession(this, Usable(adapters));
    }

    /// <summary>Answers a conversation outside any session.</summary>
    /// <param name="request">The conversation and how it is answered.</param>
    /// <param name="cancellationToken">Ends the answer at the next token, and a request that waits at once.</param>
    /// <returns>The answer as it comes. What is wrong with the conversation shows at its first token.</returns>
    /// <exception cref="OverloadedException">Too many requests wait.</exception>
    /// <exception cref="ArgumentException">An option is out of its range, or the adapters were loaded for another model.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public AnswerStream Answer(GenerationRequest request, CancellationToken cancellationToken = default) => Answer(request, 1, cancellationToken)[0];

    /// <summary>Answers a conversation several times, with the seeds that follow the first; its prompt is computed once.</summary>
    /// <param name="request">The conversation and how it is answered.</param>
    /// <param name="count">How many answers, 1 or more.</param>
    /// <param name="cancellationToken">Ends all of them.</param>
    /// <inheritdoc cref="Answer(GenerationRequest, CancellationToken)"/>
    public IReadOnlyList<AnswerStream> Answer(GenerationRequest request, int count, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Engine.Admission.ThrowIfOverloaded(count);
        ChatMessage[] messages = Copied(request.Messages);
        int[]? ids = request.PromptIds is null ? null : CopiedIds(request);
        AdapterSet adapters = Usable(request.Adapters);
        GenerationOptions options = request.Options ?? new GenerationOptions();
        options = options with { Seed = options.Seed ?? GenerationDefaults.Seed ?? (ulong)Random.Shared.NextInt64() };
        var planned = new TaskCompletionSource<PlannedPrompt>(TaskCreationOptions.RunContinuationsAsynchronously);
        var source = new PromptSource(planned.Task);
        Answer[] answers = new Answer[count];
        for (int i = 0; i < count; i++)
        {
            GenerationOptions own = options with { Seed = unchecked(options.Seed + (ulong)i) };
            answers[i] = new Answer(this, new PooledSequence(Engine.Prefixes, request.Tenant, adapters), source, own);
        }

        foreach (Answer answer in answers)
        {
            answer.StopOn(cancellationToken);
        }

        Engine.Submit(answers);
        _ = PlanInQueueAsync(ids is null ? PlanAsync(messages, options, CancellationToken.None) : PlanIdsAsync(ids), planned, answers);
        return [.. answers.Select(answer => new AnswerStream(answer, cancellationToken))];
    }

    /// <summary>
    /// Brings a conversation of any roles into the form that the model was trained on: system texts to the front, results of tools into turns of the user,
    /// neighbours of one role joined, an empty question before an answer that comes first.
    /// </summary>
    /// <param name="messages">The messages; they do not change.</param>
    /// <remarks>Sessions and requests do this by themselves. What has the form already comes back as it is.</remarks>
    /// <exception cref="ChatMessageException">A role is not known, or the result of a tool is of no call of the conversation.</exception>
    public static IReadOnlyList<ChatMessage> Normalize(IReadOnlyList<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return ChatNormalizer.Normalize(messages, ToolFormat.Json);
    }

    /// <summary>The ids that a conversation is answered from, a picture's and a clip's placeholders included; computes nothing else.</summary>
    /// <param name="messages">The messages; the list is copied.</param>
    /// <param name="options">Of them, tools and the form of the answer count, which are told to the model; null for none.</param>
    /// <param name="cancellationToken">Ends waiting.</param>
    /// <exception cref="ChatMessageException">A role is not known, or the result of a tool is of no call of the conversation.</exception>
    /// <exception cref="GenerationException">The conversation is empty, does not fit the context, or holds what the checkpoint has no part for.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public async Task<IReadOnlyList<int>> TokenizeAsync(
        IReadOnlyList<ChatMessage> messages, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        PlannedPrompt planned = await PlanAsync(Copied(messages), options ?? new GenerationOptions(), cancellationToken).ConfigureAwait(false);
        return planned.Plan.Ids;
    }

    /// <summary>Encodes a conversation with its pictures and clips, between the steps of sessions that answer.</summary>
    /// <param name="messages">The messages; the list is copied.</param>
    /// <param name="addGenerationPrompt">Whether the model's turn is opened at the end.</param>
    /// <param name="trace">Receives the inputs and the towers' intermediates, on the model's own thread; null for none.</param>
    /// <param name="adapters">Those of the session that will answer; null for none.</param>
    /// <param name="cancellationToken">Ends it between two pieces of work.</param>
    /// <exception cref="ArgumentException">The adapters were loaded for another model, or a message is null.</exception>
    /// <exception cref="GenerationException">A picture or clip has not been read or the checkpoint has no tower for it, or the checkpoint is no chat
    /// model.</exception>
    /// <exception cref="ChatTemplateException">The roles do not alternate.</exception>
    /// <exception cref="ObjectDisposedException">The model has been or is being disposed.</exception>
    public async Task<EncodedPrompt> EncodeAsync(
        IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true, ITrace? trace = null, AdapterSet? adapters = null,
        CancellationToken cancellationToken = default)
    {
        ChatMessage[] copy = Copied(messages);
        adapters = Usable(adapters);
        PromptPlan plan = await Task.Run(() => Plan(WithDefaults(copy), addGenerationPrompt), cancellationToken).ConfigureAwait(false);
        return await EncodeAsync(plan, trace, adapters, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Encodes what a session would answer: the conversation in the model's form, an answer at its end left open.</summary>
    /// <inheritdoc cref="EncodeAsync(IReadOnlyList{ChatMessage}, bool, ITrace?, AdapterSet?, CancellationToken)" path="/param|/exception"/>
    internal async Task<EncodedPrompt> EncodeForAnswerAsync(
        IReadOnlyList<ChatMessage> messages, ITrace? trace, AdapterSet? adapters, CancellationToken cancellationToken)
    {
        ChatMessage[] copy = Copied(messages);
        adapters = Usable(adapters);
        PlannedPrompt planned = await PlanAsync(copy, new GenerationOptions(), cancellationToken).ConfigureAwait(false);
        return await EncodeAsync(planned.Plan, trace, adapters, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Encodes a conversation with its pictures and clips, and waits for it.</summary>
    /// <inheritdoc cref="EncodeAsync(IReadOnlyList{ChatMessage}, bool, ITrace?, AdapterSet?, CancellationToken)"
    /// path="/param[@name!='cancellationToken']|/exception"/>
    /// <exception cref="InvalidOperationException">This was called from a trace's callback.</exception>
    public EncodedPrompt Encode(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true, ITrace? trace = null, AdapterSet? adapters = null)
    {
        PromptPlan plan = Plan(WithDefaults(Copied(messages)), addGenerationPrompt);
        adapters = Usable(adapters);
        return Engine.Wait(() => EncodeAsync(plan, trace, adapters, CancellationToken.None));
    }

    /// <summary>Encodes a text to be continued, without a chat template; spellings of control tokens become control tokens.</summary>
    /// <param name="text">The text; <c>&lt;bos&gt;</c> is put before it unless it has one.</param>
    /// <param name="trace">Receives the inputs, on the model's own thread; null for none.</param>
    /// <param name="adapters">Those of the session that will answer; null for none.</param>
    /// <param name="cancellationToken">Ends it between two pieces of work.</param>
    /// <exception cref="ArgumentException">The adapters were loaded for another model.</exception>
    /// <exception cref="GenerationException">The text is empty.</exception>
    /// <exception cref="ObjectDisposedException">The model has been or is being disposed.</exception>
    public async Task<EncodedPrompt> EncodeTextAsync(
        string text, ITrace? trace = null, AdapterSet? adapters = null, CancellationToken cancellationToken = default)
    {
        adapters = Usable(adapters);
        PromptPlan plan = await Task.Run(() => PlanText(text), cancellationToken).ConfigureAwait(false);
        return await EncodeAsync(plan, trace, adapters, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Encodes a text to be continued, and waits for it.</summary>
    /// <inheritdoc cref="EncodeTextAsync" path="/param[@name!='cancellationToken']|/exception"/>
    /// <exception cref="InvalidOperationException">This was called from a trace's callback.</exception>
    public EncodedPrompt EncodeText(string text, ITrace? trace = null, AdapterSet? adapters = null)
    {
        PromptPlan plan = PlanText(text);
        adapters = Usable(adapters);
        return Engine.Wait(() => EncodeAsync(plan, trace, adapters, CancellationToken.None));
    }

    /// <summary>One forward pass over a whole prompt, every named intermediate handed to the trace.</summary>
    /// <param name="prompt">The prompt; what the towers computed for it was traced while it was encoded. Its adapters are those of the pass.</param>
    /// <param name="trace">Receives the text model's intermediates, on the model's own thread. What it throws ends the pass and is thrown here.</param>
    /// <param name="cancellationToken">Ends the pass at the next intermediate.</param>
    /// <exception cref="ArgumentException">The prompt is another model's or has ids outside the vocabulary.</exception>
    /// <exception cref="GenerationException">The prompt does not fit the context, or there is not enough memory.</exception>
    /// <exception cref="ObjectDisposedException">The model has been or is being disposed.</exception>
    public Task TraceAsync(EncodedPrompt prompt, ITrace trace, CancellationToken cancellationToken = default) => SubmitTrace(prompt, trace, cancellationToken);

    /// <summary>One forward pass over a whole prompt, every named intermediate handed to the trace; waits for it.</summary>
    /// <inheritdoc cref="TraceAsync" path="/param[@name!='cancellationToken']|/exception"/>
    /// <exception cref="InvalidOperationException">This was called from a trace's callback.</exception>
    public void Trace(EncodedPrompt prompt, ITrace trace) => Engine.Wait(() => SubmitTrace(prompt, trace, CancellationToken.None));

    /// <summary>Drops encoded pictures and clips.</summary>
    public void ClearMediaCache() => Encoder.ClearCache();

    /// <summary>
    /// Ends whatever the model is doing, waits for that, frees scratch memory and unmaps the weights. Whoever waits for a result gets an
    /// <see cref="ObjectDisposedException"/>.
    /// </summary>
    /// <remarks>
    /// Safe from any thread, at any time, any number of times. From a callback on the model's own thread, such as a trace's, it returns at once, and the rest
    /// is done after the callback.
    /// </remarks>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            while (_readers > 0)
            {
                Monitor.Wait(_gate);
            }
        }

        Engine.Dispose();
    }

    /// <summary>Writes a conversation to be answered as ids, on the thread pool: long texts take a while, and need no weights.</summary>
    /// <remarks>It is brought into the model's form first, with what the options tell the model: of tools, and of the form of the answer.</remarks>
    /// <exception cref="ChatMessageException">A role is not known, or the result of a tool is of no call of the conversation.</exception>
    /// <exception cref="GenerationException">It does not fit the context.</exception>
    internal Task<PlannedPrompt> PlanAsync(ChatMessage[] messages, GenerationOptions options, CancellationToken cancellationToken) => Task.Run(() =>
    {
        if (messages.Length == 0)
        {
            throw new GenerationException("The conversation is empty; it must have at least one message.");
        }

        IReadOnlyList<ChatMessage> all = ChatNormalizer.Normalize(messages, options.Tools?.Format ?? ToolFormat.Json);
        all = WithDefaults(all);
        all = ChatNormalizer.WithInstruction(all, options.Tools is { IsOn: true } tools ? ToolPrompt.Describe(tools) : null);
        all = ChatNormalizer.WithInstruction(all, options.Tools is { Choice.IsRequired: true } ? null : options.Constraint?.Instruction);
        PromptPlan plan = Plan(all, addGenerationPrompt: all[^1].Role != ChatMessage.AssistantRole, goesOn: true);
        RequireRoom(plan.Ids.Length, answer: 1);
        int systemEnd = 0;
        if (all[0].Role == ChatMessage.SystemRole)
        {
            systemEnd = plan.Ids.AsSpan().CommonPrefixLength(Plan([all[0], ChatMessage.User("")], addGenerationPrompt: false).Ids);
        }

        int[] turnEnds = [.. plan.Ids.Select((id, i) => (id, i)).Where(token => token.id == Tokenizer.EndOfTurnTokenId).Select(token => token.i + 1)];
        return new PlannedPrompt(plan, systemEnd, turnEnds);
    }, cancellationToken);

    IReadOnlyList<ChatMessage> WithDefaults(IReadOnlyList<ChatMessage> messages) => Defaults?.Before(messages) ?? messages;

    /// <summary>A prompt that is ids already.</summary>
    async Task<PlannedPrompt> PlanIdsAsync(int[] ids)
    {
        await Task.Yield();
        RequireRoom(ids.Length, answer: 1);
        return new PlannedPrompt(new PromptPlan(ids), 0, []);
    }

    /// <summary>Plans a prompt whose answers wait for that, and keep their place in the queue.</summary>
    async Task PlanInQueueAsync(Task<PlannedPrompt> plan, TaskCompletionSource<PlannedPrompt> planned, Answer[] answers)
    {
        try
        {
            planned.SetResult(await plan.ConfigureAwait(false));
            Engine.Wake();
        }
        catch (Exception error)
        {
            foreach (Answer answer in answers)
            {
                answer.Stop(error);
            }
        }
    }

    /// <summary>Writes a conversation as ids; needs no weights, may be called from any thread.</summary>
    internal PromptPlan Plan(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool goesOn = false)
    {
        if (!ChatTemplate.HasTemplate)
        {
            throw new GenerationException(
                "This checkpoint has no chat template (chat_template.jinja, or one in tokenizer_config.json), so it is taken for a base model: give it a plain "
                    + "text to continue (--raw), or add the template.");
        }

        return messages.Count > 0
            ? Encoder.Plan(messages, addGenerationPrompt, goesOn)
            : throw new GenerationException("The conversation is empty; it must have at least one message.");
    }

    /// <summary>Refuses a prompt that does not leave room for an answer of some tokens.</summary>
    internal void RequireRoom(int promptTokens, int answer)
    {
        if (promptTokens == 0)
        {
            throw new GenerationException("The prompt is empty; give at least one token.");
        }

        if (promptTokens > ContextLength - answer)
        {
            throw new ContextLengthException(promptTokens, ContextLength);
        }
    }

    ChatMessage[] Copied(IReadOnlyList<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ThrowIfDisposed();
        ChatMessage[] copy = [.. messages];
        return Array.IndexOf(copy, null) is >= 0 and int index
            ? throw new ArgumentException($"Message {index} is null; leave it out.", nameof(messages))
            : copy;
    }

    int[] CopiedIds(GenerationRequest request)
    {
        if (request.Messages.Count > 0)
        {
            throw new ArgumentException("The request has messages and ids; give one of them.", nameof(request));
        }

        int[] ids = [.. request.PromptIds!];
        int end = Config.TextConfig.VocabSize;
        return Array.FindIndex(ids, id => (uint)id >= (uint)end) is >= 0 and int index
            ? throw new ArgumentException(
                FormattableString.Invariant($"Id {index} of the prompt is {ids[index]}, and the vocabulary ends at {end - 1}; use ids from 0 to there."),
                nameof(request))
            : ids;
    }

    PromptPlan PlanText(string text)
    {
        ThrowIfDisposed();
        if (string.IsNullOrEmpty(text))
        {
            throw new GenerationException("The prompt is empty; give at least one character.");
        }

        int[] ids = Tokenizer.EncodeToIds(text);
        return new PromptPlan(ids[0] == Config.TextConfig.BosTokenId ? ids : [Config.TextConfig.BosTokenId, .. ids]);
    }

    Task<EncodedPrompt> EncodeAsync(PromptPlan plan, ITrace? trace, AdapterSet adapters, CancellationToken cancellationToken) =>
        Engine.Submit<EncodedPrompt>(request => Encoder.Encode(plan, trace is null ? null : new StoppableTrace(trace, request), adapters), cancellationToken);

    Task<EncodedPrompt> SubmitTrace(EncodedPrompt prompt, ITrace trace, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(trace);
        prompt.RequireModel(Linears, Config.TextConfig);
        Usable(prompt.Adapters);
        RequireRoom(prompt.Ids.Length, answer: 0);
        return Engine.Submit<EncodedPrompt>(request => TracePass(prompt, new StoppableTrace(trace, request)), cancellationToken);
    }

    /// <summary>The pass as work of the engine's; its one result says only that it is done.</summary>
    IEnumerable<EncodedPrompt?> TracePass(EncodedPrompt prompt, ITrace trace)
    {
        int length = prompt.Ids.Length;
        using KvCache cache = Text.NewCache(length);
        using TextPass pass = Text.NewPass(_team);
        var step = new TextStep();
        step.Add(cache, prompt.Ids, 1, prompt.Rows(0, length), prompt.Adapters);
        foreach (int _ in Text.ForwardInParts(step, pass, trace))
        {
            yield return null;
        }

        yield return prompt;
    }

    static CheckpointOptions OptionsFor(GemmaModelOptions options) => new()
    {
        VisionWeights = options.VisionWeights,
        Slice = options.Slice,
        Projector = options.Projector,
        Products = options.Exact ? ProductMode.Exact : ProductMode.Fast,
        LeastReducedWeights = options.LeastReducedWeights,
        CacheType = options.CacheType,
    };

    /// <summary>Which stored forms have exact products only, in a sentence; null where there are none.</summary>
    static string? SlowForms(Checkpoint checkpoint)
    {
        string[] forms = [.. checkpoint.Requests.Where(request => request.Stored?.Blocks is BlockType type && PackedForm.Of(type) is null)
            .Select(request => request.Format).Distinct().Order(StringComparer.Ordinal)];
        return forms.Length == 0 ? null
            : $"Weights stored as {string.Join(", ", forms)} are multiplied by way of float32, which is slower than with integers";
    }

    /// <summary>A tokenizer of another model would give ids that the tables have no rows for.</summary>
    internal static void RequireVocabulary(Tokenizer tokenizer, Gemma3nConfig config)
    {
        int end = config.TextConfig.VocabSize;
        end = Math.Max(end, config.VisionConfig is VisionConfig vision ? vision.VocabOffset + vision.VocabSize : 0);
        end = Math.Max(end, config.AudioConfig is AudioConfig audio ? audio.VocabOffset + audio.VocabSize : 0);
        if (tokenizer.VocabularySize > end)
        {
            int last = tokenizer.VocabularySize - 1;
            throw new TokenizerException(FormattableString.Invariant(
                $"tokenizer.json has ids up to {last} and the model's vocabulary ends at {end - 1}; use the tokenizer.json of this checkpoint."));
        }
    }

    AdapterSet Usable(AdapterSet? adapters)
    {
        adapters?.RequireBase(Linears);
        return adapters ?? AdapterSet.None;
    }

    /// <summary>Reads from the checkpoint's files, which stay mapped meanwhile.</summary>
    T Reading<T>(Func<T> read)
    {
        lock (_gate)
        {
            ThrowIfDisposed();
            _readers++;
        }

        try
        {
            return read();
        }
        finally
        {
            lock (_gate)
            {
                _readers--;
                Monitor.PulseAll(_gate);
            }
        }
    }

    void ThrowIfDisposed()
    {
        if (Volatile.Read(ref _disposed))
        {
            throw InferenceEngine.Closed();
        }
    }

    /// <summary>Frees what the engine computed with, when it never will again.</summary>
    void Release()
    {
        _team.Dispose();
        _checkpoint.Dispose();
    }
}

namespace GemmaSharp;

/// <summary>
/// What a model takes of the machine's memory, predicted from the headers of its files, and what was chosen so that it fits. Of all bytes that are in memory,
/// those of mapped files count like the others. Immutable.
/// </summary>
/// <remarks>
/// Not counted: adapters, traces, pictures and sound before they are prepared, more than one clip in a prompt, grammars of constrained answers, and what the
/// rest of the program takes.
/// </remarks>
public sealed record MemoryEstimate
{
    /// <summary>Quantised matrices as products read them; the pages of the files that held them are given back.</summary>
    public required long PackedBytes { get; init; }

    /// <summary>
    /// Matrices of the language model that products read where the files have them: what is not quantised, and forms without panels. Of tables whose rows are
    /// looked up, nothing stays.
    /// </summary>
    public required long MappedBytes { get; init; }

    /// <summary>Norms, turned kernels and other small tensors, kept as float32.</summary>
    public required long CopiedBytes { get; init; }

    /// <summary>The runtime, the program and the tokenizer, as measured and not counted.</summary>
    public required long RuntimeBytes { get; init; }

    /// <summary>What the runtime takes more once it answers, for the code that it compiles: as measured.</summary>
    public required long CompiledBytes { get; init; }

    /// <summary>Scratch memory of the largest step.</summary>
    public required long ScratchBytes { get; init; }

    /// <summary>Keys and values of one conversation of <see cref="ContextLength"/> tokens.</summary>
    public required long ConversationBytes { get; init; }

    /// <summary>Weights of the vision tower, which are in memory from the first picture on.</summary>
    public required long VisionBytes { get; init; }

    /// <summary>Scratch memory while a picture is encoded, given back afterwards.</summary>
    public required long PictureBytes { get; init; }

    /// <summary>Weights of the audio tower, which are in memory from the first sound on.</summary>
    public required long AudioBytes { get; init; }

    /// <summary>Scratch memory while half a minute of sound is encoded, given back afterwards.</summary>
    public required long SoundBytes { get; init; }

    /// <summary>The most that is kept of encoded pictures and sound, least recently used ones going first.</summary>
    public required long EncodedBytes { get; init; }

    /// <summary>The most that answers outside sessions and the beginnings kept for later ones may hold.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>The most tokens of a conversation.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The most rows of a step: tokens of prompts that are computed at once.</summary>
    public required int StepRows { get; init; }

    /// <summary>How many answers are computed side by side at most.</summary>
    public required int MaxActive { get; init; }

    /// <summary>Side in pixels to which pictures are brought; null: as the checkpoint's processor says, or no pictures.</summary>
    public required int? ImageSize { get; init; }

    /// <summary>What the model was to keep to; null: nothing.</summary>
    public required long? Memory { get; init; }

    /// <summary>What keeping to <see cref="Memory"/> costs, in a sentence; null where nothing was given, or it costs nothing that a user would see.</summary>
    internal string? Sacrifice(Configuration.Gemma3nConfig config) =>
        Memory is null || (ContextLength >= config.TextConfig.MaxPositionEmbeddings && ImageSize is null) ? null
            : FormattableString.Invariant($"In {Memory >> 20:N0} MiB of memory a conversation may have {ContextLength:N0} tokens")
                + (ImageSize is int side ? FormattableString.Invariant($", and pictures are seen with {side} pixels a side") : "");

    /// <summary>In memory after loading, before the first answer.</summary>
    public long LoadedBytes => PackedBytes + CopiedBytes + RuntimeBytes;

    /// <summary>In memory at the end of one conversation of text that fills the context.</summary>
    public long TextBytes => LoadedBytes + CompiledBytes + MappedBytes + ScratchBytes + ConversationBytes;

    /// <summary>
    /// The most at any time: of one conversation that fills the context and has pictures and sound; where <see cref="Memory"/> was given, of everything that
    /// may go on at once.
    /// </summary>
    public long TotalBytes => LoadedBytes + CompiledBytes + MappedBytes + ScratchBytes + VisionBytes + AudioBytes + Math.Max(PictureBytes, SoundBytes)
        + (Memory is null ? ConversationBytes : CacheBytes + EncodedBytes);
}

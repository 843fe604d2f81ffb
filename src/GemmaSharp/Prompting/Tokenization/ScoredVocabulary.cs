using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>A vocabulary of pieces with scores and kinds, as SentencePiece and GGUF files have it, and the byte-pair encoder that it amounts to.</summary>
/// <remarks>
/// Any two neighbouring pieces whose concatenation is a piece join, those of the best score first; of one score, those of the lowest id. That is the order of
/// the merges in <c>tokenizer.json</c> of Gemma, where within one result the longest left part comes first. Control, reserved and byte pieces are never made by
/// joining. Where a file lists merges, those count.
/// </remarks>
sealed class ScoredVocabulary
{
    static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789ABCDEF");

    /// <summary>Gives the UTF-8 spelling of an element of a list.</summary>
    public delegate ReadOnlySpan<byte> TextAt(int index);

    /// <summary>How many pieces there are.</summary>
    public required int Count { get; init; }

    /// <summary>Their spellings.</summary>
    public required TextAt Piece { get; init; }

    /// <summary>Their scores, higher for earlier; null to take them in the order of their ids.</summary>
    public float[]? Scores { get; init; }

    /// <summary>Their kinds; null for normal ones throughout.</summary>
    public int[]? Kinds { get; init; }

    /// <summary>How many merges are listed; 0 to find them from the pieces.</summary>
    public int MergeCount { get; init; }

    /// <summary>The merges, <c>left right</c>.</summary>
    public TextAt? Merge { get; init; }

    /// <summary>The id of <c>&lt;unk&gt;</c>.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Whether text that is no chat begins with <c>&lt;bos&gt;</c>.</summary>
    public bool AddsBos { get; init; }

    /// <summary>Pieces by their ids, for those that the list leaves out or gives a name of reserved ones.</summary>
    public IReadOnlyDictionary<int, string> Names { get; init; } = new Dictionary<int, string>();

    /// <summary>Builds the tables.</summary>
    /// <exception cref="TokenizerException">The lists contradict each other or have impossible entries.</exception>
    public TokenizerModel ToModel()
    {
        if (Count is 0 or > Vocabulary.IdLimit || (Scores?.Length ?? Count) != Count || (Kinds?.Length ?? Count) != Count)
        {
            throw new TokenizerException(
                $"The file has {Count} tokens, {Scores?.Length ?? Count} scores and {Kinds?.Length ?? Count} token types; as many of each are needed, so "
                    + "download it again.");
        }

        if (UnknownId >= Count)
        {
            throw new TokenizerException($"The file's unknown token has id {UnknownId}; ids end at {Count - 1}, so download it again.");
        }

        var vocabulary = new Vocabulary();
        var added = new List<AddedToken>();
        bool[] joins = new bool[Count];
        for (int id = 0; id < Count; id++)
        {
            Add(id, vocabulary, added, joins);
        }

        foreach ((int id, string name) in Names)
        {
            if (!vocabulary.TryGetId(name, out _) && vocabulary.TryAddOutsideModel(Encoding.UTF8.GetBytes(name), id))
            {
                added.Add(Special(id, name));
            }
        }

        var merges = new MergeTable();
        var spaces = new SpaceJoins();
        if (MergeCount > 0)
        {
            AddListed(vocabulary, merges, spaces);
        }
        else
        {
            AddFound(vocabulary, joins, merges, spaces);
        }

        if (UnknownId is int unknown && Encoding.UTF8.GetString(Piece(unknown)) is [char single])
        {
            spaces.AnyLong |= spaces.Contains(single);
        }

        return new TokenizerModel(
            vocabulary, merges, spaces.Characters, added, UnknownId, FuseUnknown: true, ByteFallback: true, ReplacesSpaces: true, PrependsBos: AddsBos);
    }

    void Add(int id, Vocabulary vocabulary, List<AddedToken> added, bool[] joins)
    {
        ReadOnlySpan<byte> piece = Piece(id);
        if (piece.IsEmpty || !Utf8.IsValid(piece))
        {
            throw new TokenizerException($"Token {id} of the file is {(piece.IsEmpty ? "empty" : "not UTF-8")}; download it again.");
        }

        var kind = (PieceKind)(Kinds?[id] ?? (int)PieceKind.Normal);
        string text = Encoding.UTF8.GetString(piece);
        if (Names.TryGetValue(id, out string? name) && IsReserved(text) && !vocabulary.TryGetId(name, out _))
        {
            (text, kind) = (name, PieceKind.Control);
        }

        // Some converters give the runs of spaces no kind of their own; they are always found before anything is joined.
        bool isRun = IsRunOfSpaces(text);
        kind = isRun && kind == PieceKind.Normal ? PieceKind.UserDefined : kind;
        if (kind == PieceKind.Unused && text == $"[PAD{id}]")
        {
            return;
        }

        string spelled = isRun ? text.Replace(' ', BytePairEncoder.Space) : text;
        byte[] utf8 = Encoding.UTF8.GetBytes(spelled);
        bool isOfModel = kind is PieceKind.Normal or PieceKind.Byte;
        if (!(isOfModel ? vocabulary.TryAdd(utf8, id) : vocabulary.TryAddOutsideModel(utf8, id)))
        {
            throw new TokenizerException($"Token {id} of the file, \"{Shown(text)}\", is there twice; download it again.");
        }

        switch (kind)
        {
            case PieceKind.Normal:
                joins[id] = true;
                break;
            case PieceKind.Byte:
                RequireByte(id, text);
                break;
            case PieceKind.Unknown or PieceKind.Control:
                RequireMatchable(id, text);
                added.Add(Special(id, text));
                break;
            case PieceKind.UserDefined:
                RequireMatchable(id, text);
                added.Add(Plain(id, spelled));
                if (isRun)
                {
                    added.Add(Plain(id, spelled.Replace(BytePairEncoder.Space, ' ')));
                }

                break;
            case PieceKind.Unused:
                break;
            default:
                throw new TokenizerException($"Token {id} of the file has type {(int)kind}; 1 to 6 are possible, so download it again.");
        }
    }

    void AddListed(Vocabulary vocabulary, MergeTable merges, SpaceJoins spaces)
    {
        for (int i = 0; i < MergeCount; i++)
        {
            ReadOnlySpan<byte> merge = Merge!(i);
            int end = merge.Length > 1 ? 1 + merge[1..].IndexOf((byte)' ') : 0;
            if (end <= 0 || merge[(end + 1)..].Contains((byte)' '))
            {
                throw new TokenizerException($"Merge {i} of the file is not two pieces with a space between them; download it again.");
            }

            ReadOnlySpan<byte> left = merge[..end], right = merge[(end + 1)..];
            byte[] joined = [.. left, .. right];
            if (!vocabulary.TryGetId(left, out int leftId) || !vocabulary.TryGetId(right, out int rightId) || !vocabulary.TryGetId(joined, out int joinedId))
            {
                throw new TokenizerException($"Merge {i} of the file joins pieces that are not in its vocabulary; download it again.");
            }

            merges.Add(leftId, rightId, joinedId);
            spaces.Add(left, right);
        }
    }

    void AddFound(Vocabulary vocabulary, bool[] joins, MergeTable merges, SpaceJoins spaces)
    {
        int[] order = [.. Enumerable.Range(0, Count).Where(id => joins[id])];
        if (Scores is not null)
        {
            // Stable, so that ids decide between equal scores; a score that is no number comes last.
            order = [.. order.OrderByDescending(id => Scores[id])];
        }

        foreach (int id in order)
        {
            ReadOnlySpan<byte> piece = vocabulary[id];
            for (int cut = piece.Length - 1; cut > 0; cut--)
            {
                if ((piece[cut] & 0xC0) != 0x80
                    && vocabulary.TryGetId(piece[..cut], out int left) && left < Count && joins[left]
                    && vocabulary.TryGetId(piece[cut..], out int right) && right < Count && joins[right])
                {
                    merges.Add(left, right, id);
                    spaces.Add(piece[..cut], piece[cut..]);
                }
            }
        }
    }

    static void RequireByte(int id, string text)
    {
        bool isByte = text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>'
            && text.AsSpan(3, 2).IndexOfAnyExcept(s_digits) < 0;
        if (!isByte)
        {
            throw new TokenizerException($"Token {id} of the file is a byte named \"{Shown(text)}\"; <0x00> to <0xFF> are possible, so download it again.");
        }
    }

    static void RequireMatchable(int id, string text)
    {
        if (text.Length > AddedTokenMatcher.LengthLimit)
        {
            throw new TokenizerException(
                $"Token {id} of the file is matched in text and has {text.Length} characters; {AddedTokenMatcher.LengthLimit} are possible at most.");
        }
    }

    static bool IsReserved(string text) => text.StartsWith("[PAD", StringComparison.Ordinal) || text.StartsWith("<unused", StringComparison.Ordinal);

    static bool IsRunOfSpaces(string text) => text.Length > 1 && text.AsSpan().IndexOfAnyExcept(' ', BytePairEncoder.Space) < 0;

    static AddedToken Special(int id, string text) => new(id, text, Special: true, Normalized: false, StripLeft: false, StripRight: false, SingleWord: false);

    static AddedToken Plain(int id, string text) => new(id, text, Special: false, Normalized: false, StripLeft: false, StripRight: false, SingleWord: false);

    static string Shown(string text) => string.Concat(text.Take(40).Select(character => char.IsControl(character) ? '?' : character));
}

/// <summary>What a piece is for, by SentencePiece's numbers.</summary>
enum PieceKind
{
    /// <summary>A piece of text.</summary>
    Normal = 1,

    /// <summary>What stands for text without a piece.</summary>
    Unknown = 2,

    /// <summary>A token that steers the model.</summary>
    Control = 3,

    /// <summary>A piece that is found in text before anything is joined.</summary>
    UserDefined = 4,

    /// <summary>Reserved.</summary>
    Unused = 5,

    /// <summary>One byte.</summary>
    Byte = 6,
}

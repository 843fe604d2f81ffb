using System.Numerics;

namespace GemmaSharp.Generation.Drafts;

/// <summary>Guesses how a sequence goes on by how it went on before: after the same tokens, of the prompt or of the answer so far.</summary>
/// <remarks>
/// <para>
/// The longest run of last tokens that was there before is found by its last three, two or one, the latest place first; as long as what followed there follows
/// again, it is kept and grows. A token costs a fixed time: every run of one to three tokens has a slot for the place after its latest occurrence, and what a
/// slot says is checked by the tokens themselves, so that two runs that share a slot only forget each other.
/// </para>
/// <para>Source: Saxena, "Prompt lookup decoding", 2023. Not thread-safe.</para>
/// </remarks>
sealed class PromptLookup
{
    /// <summary>The longest run that is looked for.</summary>
    const int LongestRun = 3;

    /// <summary>Tokens that agree beyond this number say nothing more.</summary>
    public const int MostMatched = 32;

    /// <summary>Slots for each token there is room for: three runs end at it, and a quarter stays empty.</summary>
    const int SlotsPerToken = 4;

    const int FirstCapacity = 256;

    int[] _tokens;
    int[] _after;
    int _count;
    int _source = -1;

    /// <summary>Takes up a prompt.</summary>
    /// <param name="prompt">Its ids.</param>
    public PromptLookup(ReadOnlySpan<int> prompt)
    {
        int capacity = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(FirstCapacity, prompt.Length + (prompt.Length / 2)));
        _tokens = new int[capacity];
        _after = new int[SlotsPerToken * capacity];
        foreach (int id in prompt)
        {
            Add(id);
        }
    }

    /// <summary>How many of the last tokens agree with those before the guess; 0 where nothing is guessed.</summary>
    public int Matched { get; private set; }

    /// <summary>The guess for the next token; −1 for none.</summary>
    public int Guess => _source < 0 ? -1 : _tokens[_source];

    /// <summary>Takes note of the next token.</summary>
    public void Add(int id)
    {
        if (_count == _tokens.Length)
        {
            Grow();
        }

        bool right = Guess == id;
        (_source, Matched) = right ? (_source + 1, Math.Min(Matched + 1, MostMatched)) : (-1, 0);
        _tokens[_count++] = id;
        if (Matched < LongestRun)
        {
            Find();
        }

        Enter(_count);
    }

    /// <summary>Guesses the next tokens: those after the place that was found, and over again from there where they reach the end.</summary>
    /// <param name="destination">Receives as many as it has room for.</param>
    /// <returns>How many: all or none.</returns>
    public int Draft(Span<int> destination)
    {
        if (_source < 0)
        {
            return 0;
        }

        for (int i = 0; i < destination.Length; i++)
        {
            int at = _source + i;
            destination[i] = at < _count ? _tokens[at] : destination[at - _count];
        }

        return destination.Length;
    }

    /// <summary>Finds the latest place of the longest run of last tokens; what is followed already stays where there is no longer one.</summary>
    void Find()
    {
        for (int run = Math.Min(LongestRun, _count); run > Matched; run--)
        {
            int end = _after[Slot(run, _count)];
            if (end >= run && _tokens.AsSpan(end - run, run).SequenceEqual(_tokens.AsSpan(_count - run, run)))
            {
                int matched = run;
                while (matched < MostMatched && end > matched && _tokens[end - matched - 1] == _tokens[_count - matched - 1])
                {
                    matched++;
                }

                (_source, Matched) = (end, matched);
                return;
            }
        }
    }

    /// <summary>Notes the place after the runs that end before <paramref name="end"/>.</summary>
    void Enter(int end)
    {
        for (int run = 1; run <= Math.Min(LongestRun, end); run++)
        {
            _after[Slot(run, end)] = end;
        }
    }

    int Slot(int run, int end)
    {
        ulong hash = (ulong)run;
        for (int i = end - run; i < end; i++)
        {
            hash = (hash + (uint)_tokens[i]) * 0x9E3779B97F4A7C15;
        }

        return (int)(hash >> (64 - BitOperations.Log2((uint)_after.Length)));
    }

    void Grow()
    {
        Array.Resize(ref _tokens, 2 * _tokens.Length);
        _after = new int[SlotsPerToken * _tokens.Length];
        for (int end = 1; end <= _count; end++)
        {
            Enter(end);
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using GemmaSharp.Fuzz.Mutators;

namespace GemmaSharp.Fuzz;

/// <summary>Gives a reader input after input: each a change of one that did something new before.</summary>
/// <remarks>An input follows from the seed, its number and the corpus as it then is, so a run that goes on goes on as if it had not stopped.</remarks>
sealed class FuzzLoop : IDisposable
{
    readonly FuzzTarget _target;
    readonly FuzzProgress _progress;
    readonly string? _corpusFolder;
    readonly List<byte[]> _corpus = [];
    readonly List<byte[]> _good = [];
    readonly BranchMap _branches;
    readonly IInputReader _reader;
    readonly Judge _judge;

    /// <param name="target">The reader.</param>
    /// <param name="branches">The process's map.</param>
    /// <param name="progress">Where it stands.</param>
    /// <param name="folder">Where what is found out is kept; null for nowhere.</param>
    /// <param name="judgesTime">Whether inputs that take long are found, too.</param>
    public FuzzLoop(FuzzTarget target, BranchMap branches, FuzzProgress progress, string? folder, bool judgesTime = true)
    {
        _target = target;
        _progress = progress;
        _branches = branches;
        _corpusFolder = folder is null ? null : Directory.CreateDirectory(Path.Combine(folder, "corpus")).FullName;
        Findings = new FindingFolder(folder is null ? null : Path.Combine(folder, "findings"));
        _reader = target.Open();
        _judge = new Judge(target, _reader, judgesTime);
    }

    /// <summary>What broke a promise.</summary>
    public FindingFolder Findings { get; }

    /// <summary>Inputs of the corpus that were read to their end.</summary>
    public int GoodInputs => _good.Count;

    /// <summary>The seeds, and what earlier runs kept; all are read, so that what they do is nothing new.</summary>
    public void Begin()
    {
        byte[][] kept = _corpusFolder is null ? [] : [.. Directory.EnumerateFiles(_corpusFolder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        foreach (byte[] seed in _target.Seeds())
        {
            _corpus.Add(Cut(seed));
        }

        _corpus.AddRange(kept);
        if (_corpus.Count == 0)
        {
            throw new InvalidOperationException($"{_target.Name} has no seeds; its files are missing beside the program.");
        }

        // Twice: the first time code is compiled and caches are filled, which takes branches too.
        for (int round = 0; round < 2; round++)
        {
            foreach (byte[] input in _corpus)
            {
                if (Read(input).Verdict.Outcome == Outcome.Success && round > 0)
                {
                    _good.Add(input);
                }
            }
        }
    }

    /// <summary>Goes on until so many inputs were read, seeds not counted, or the time is over.</summary>
    /// <param name="inputs">Inputs of all runs together.</param>
    /// <param name="time">Of this one.</param>
    public void Run(long inputs, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        while (_progress.Next < inputs && Stopwatch.GetElapsedTime(start) < time)
        {
            long index = _progress.Next;
            byte[] input = Make(Dice.Of(_progress.Seed, _target.Name, index));
            (Verdict verdict, bool isNew) = Read(input);
            _progress[verdict.Outcome]++;
            _progress.Next = index + 1;
            if (verdict.IsFinding)
            {
                Findings.Add(verdict, input);
            }
            else if (isNew)
            {
                Keep(input, index, verdict.Outcome == Outcome.Success);
            }
        }

        _progress.Corpus = _corpus.Count;
    }

    /// <summary>Reads one input and says what came of it.</summary>
    public Verdict Try(byte[] input) => Read(input).Verdict;

    (Verdict Verdict, bool IsNew) Read(byte[] input)
    {
        _branches.Begin();
        _progress.Enter(input);
        Verdict verdict = _judge.Run(input);
        _progress.Leave();
        _progress.LongestMicroseconds = Math.Max(_progress.LongestMicroseconds, (long)_judge.Longest.TotalMicroseconds);
        _progress.MostAllocated = Math.Max(_progress.MostAllocated, _judge.MostAllocated);
        bool isNew = _branches.IsNew(verdict.Signature);
        _progress.Branches = _branches.Branches;
        return (verdict, isNew);
    }

    byte[] Make(Dice dice)
    {
        // Mostly what was read to its end, or was found last: refusals have the corpus, and what lies behind them is nearest to what was read.
        byte[] input = dice.Below(8) switch
        {
            < 4 when _good.Count > 0 => dice.Pick(_good),
            < 6 => _corpus[_corpus.Count - 1 - dice.Below(Math.Min(_corpus.Count, 32))],
            _ => dice.Pick(_corpus),
        };
        for (int tries = 0; tries < 4; tries++)
        {
            IMutator mutator = dice.Pick(_target.Mutators);
            if (mutator.Mutate(input, dice.Pick(_corpus), dice) is byte[] made)
            {
                input = made;
                if (!dice.OneIn(4))
                {
                    break;
                }
            }
        }

        return Cut(input);
    }

    void Keep(byte[] input, long index, bool isGood)
    {
        _corpus.Add(input);
        if (isGood)
        {
            _good.Add(input);
        }

        if (_corpusFolder is not null)
        {
            File.WriteAllBytes(Path.Combine(_corpusFolder, index.ToString("D12", CultureInfo.InvariantCulture)), input);
        }
    }

    byte[] Cut(byte[] input) => input.Length <= _target.MostBytes ? input : input[.._target.MostBytes];

    public void Dispose() => _reader.Dispose();
}

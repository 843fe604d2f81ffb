using System.IO.MemoryMappedFiles;

namespace GemmaSharp.Fuzz;

/// <summary>How far a run has come, and the input it is at: in memory that outlives the process, so that one who dies leaves what killed it.</summary>
/// <remarks>One writes (the worker) and one looks (whoever watches it). Kept as a file, it is also what a run goes on from.</remarks>
sealed class FuzzProgress : IDisposable
{
    const long Magic = 0x315A5A55465A4D47; // GMZFUZZ1
    const int SeedAt = 8, NextAt = 16, StartedAt = 24, LengthAt = 32, DoneAt = 40, LongestAt = 48, AllocatedAt = 56, BranchesAt = 64, CorpusAt = 72, CountsAt = 128, InputAt = 4096;

    /// <summary>The longest input that fits.</summary>
    public const int MostInput = 1 << 20;

    readonly MemoryMappedFile _file;
    readonly MemoryMappedViewAccessor _view;

    FuzzProgress(MemoryMappedFile file)
    {
        _file = file;
        _view = file.CreateViewAccessor(0, InputAt + MostInput);
    }

    public ulong Seed => (ulong)_view.ReadInt64(SeedAt);

    /// <summary>The number of the next input.</summary>
    public long Next
    {
        get => _view.ReadInt64(NextAt);
        set => _view.Write(NextAt, value);
    }

    /// <summary>When the input that runs began, in milliseconds since the machine started; 0 when none runs.</summary>
    public long Started => _view.ReadInt64(StartedAt);

    /// <summary>Whether the run has come to its end by itself.</summary>
    public bool IsDone
    {
        get => _view.ReadInt64(DoneAt) != 0;
        set => _view.Write(DoneAt, value ? 1L : 0L);
    }

    /// <summary>The longest time of an input, in microseconds.</summary>
    public long LongestMicroseconds
    {
        get => _view.ReadInt64(LongestAt);
        set => _view.Write(LongestAt, value);
    }

    /// <summary>The most bytes that were allocated for an input.</summary>
    public long MostAllocated
    {
        get => _view.ReadInt64(AllocatedAt);
        set => _view.Write(AllocatedAt, value);
    }

    /// <summary>Places of the map of branches that were taken.</summary>
    public long Branches
    {
        get => _view.ReadInt64(BranchesAt);
        set => _view.Write(BranchesAt, value);
    }

    /// <summary>Inputs in the corpus.</summary>
    public long Corpus
    {
        get => _view.ReadInt64(CorpusAt);
        set => _view.Write(CorpusAt, value);
    }

    /// <summary>Progress that nobody else sees.</summary>
    public static FuzzProgress InMemory(ulong seed)
    {
        var progress = new FuzzProgress(MemoryMappedFile.CreateNew(null, InputAt + MostInput));
        progress.Begin(seed);
        return progress;
    }

    /// <summary>Progress in a file, which is made where there is none.</summary>
    /// <param name="path">The file.</param>
    /// <param name="seed">Of a new run; one that was begun keeps its own.</param>
    public static FuzzProgress Open(string path, ulong seed)
    {
        var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        var progress = new FuzzProgress(MemoryMappedFile.CreateFromFile(stream, null, InputAt + MostInput, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: false));
        if (progress._view.ReadInt64(0) != Magic)
        {
            progress.Begin(seed);
        }

        return progress;
    }

    void Begin(ulong seed)
    {
        _view.Write(SeedAt, (long)seed);
        _view.Write(0, Magic);
    }

    /// <summary>Inputs with an outcome.</summary>
    public long this[Outcome outcome]
    {
        get => _view.ReadInt64(CountsAt + (8 * (int)outcome));
        set => _view.Write(CountsAt + (8 * (int)outcome), value);
    }

    /// <summary>Inputs of all outcomes.</summary>
    public long Total => Enum.GetValues<Outcome>().Sum(outcome => this[outcome]);

    /// <summary>Says which input runs now.</summary>
    public void Enter(byte[] input)
    {
        int length = Math.Min(input.Length, MostInput);
        _view.WriteArray(InputAt, input, 0, length);
        _view.Write(LengthAt, (long)length);
        _view.Write(StartedAt, Environment.TickCount64);
    }

    /// <summary>Says that none runs.</summary>
    public void Leave() => _view.Write(StartedAt, 0L);

    /// <summary>The input that runs, or ran last.</summary>
    public byte[] Input()
    {
        byte[] input = new byte[Math.Clamp(_view.ReadInt64(LengthAt), 0, MostInput)];
        _view.ReadArray(InputAt, input, 0, input.Length);
        return input;
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}

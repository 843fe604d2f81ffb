using System.Runtime.InteropServices;

namespace GemmaSharp.Fuzz;

/// <summary>Which branches of the instrumented assemblies an input took, and whether any was new: AFL's map, filled by SharpFuzz's instrumentation.</summary>
/// <remarks>One for the process, since the instrumented code writes to one place. Where nothing is instrumented it stays empty, and novelty is what outcomes say.</remarks>
sealed unsafe class BranchMap
{
    const int Size = 1 << 16;

    static readonly byte[] s_class = Classes();

    readonly byte* _map;
    readonly byte[] _seen = new byte[Size];
    readonly HashSet<int> _outcomes = [];

    public BranchMap()
    {
        // Lives as long as the process: threads may still write to it.
        _map = (byte*)NativeMemory.AllocZeroed(Size);
        SharpFuzz.Common.Trace.SharedMem = _map;
    }

    /// <summary>Places of the map that were taken by any input, in any number.</summary>
    public int Branches { get; private set; }

    /// <summary>Forgets the last input.</summary>
    public void Begin()
    {
        new Span<byte>(_map, Size).Clear();
        SharpFuzz.Common.Trace.PrevLocation = 0;
    }

    /// <summary>Whether the input took a branch that none before it took, or took one another number of times by the order of magnitude; remembers it.</summary>
    /// <param name="outcome">What came of it, which has to do where no branch tells anything.</param>
    public bool IsNew(int outcome)
    {
        bool isNew = false;
        var words = new ReadOnlySpan<ulong>(_map, Size / 8);
        for (int i = 0; i < words.Length; i++)
        {
            if (words[i] == 0)
            {
                continue;
            }

            for (int at = 8 * i; at < (8 * i) + 8; at++)
            {
                byte bit = s_class[_map[at]];
                if ((bit & ~_seen[at]) != 0)
                {
                    Branches += _seen[at] == 0 ? 1 : 0;
                    _seen[at] |= bit;
                    isNew = true;
                }
            }
        }

        return Branches > 0 ? isNew : _outcomes.Count < 4096 && _outcomes.Add(outcome);
    }

    /// <summary>The branches that the last input took, each with its number of times by the order of magnitude.</summary>
    public List<int> Taken()
    {
        List<int> taken = [];
        var map = new ReadOnlySpan<byte>(_map, Size);
        for (int at = 0; at < Size; at++)
        {
            if (map[at] != 0)
            {
                taken.Add((at << 8) | s_class[map[at]]);
            }
        }

        return taken;
    }

    // Once, twice, three times, up to 7, 15, 31, 127, and more.
    static byte[] Classes()
    {
        byte[] classes = new byte[256];
        for (int i = 1; i < 256; i++)
        {
            classes[i] = i switch { 1 => 1, 2 => 2, 3 => 4, < 8 => 8, < 16 => 16, < 32 => 32, < 128 => 64, _ => 128 };
        }

        return classes;
    }
}

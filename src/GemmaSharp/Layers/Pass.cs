using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Layers;

/// <summary>One running forward pass: its threads, its scratch memory, what its rows carry of adapters, and who wants to see its intermediates.</summary>
/// <remarks>
/// Everything a pass changes is in here, so that layers are immutable. A temporary has a place of its own until the scope it was taken in ends. Layers hand a
/// pass on to each other; one thread drives it. Dispose to free the scratch memory.
/// </remarks>
class Pass : IDisposable
{
    readonly Arena _arena;
    string _path = "";

    /// <summary>A pass whose rows all carry the same adapters.</summary>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="trace">Receives named intermediates; null for none.</param>
    /// <param name="adapters">What is added to the linear layers; null for nothing.</param>
    public Pass(WorkerTeam team, ITrace? trace = null, AdapterSet? adapters = null)
    {
        ArgumentNullException.ThrowIfNull(team);
        Team = team;
        _arena = new Arena(team.IsRehearsal);
        Tracer = trace;
        Adapters.Add(0, int.MaxValue, adapters);
    }

    /// <summary>The threads that share the work.</summary>
    public WorkerTeam Team { get; }

    /// <summary>Which rows carry which adapters.</summary>
    public AdapterRows Adapters { get; } = new();

    /// <summary>Receives named intermediates; null for none.</summary>
    public ITrace? Tracer { get; protected set; }

    /// <summary>Counts where time goes; null for nobody.</summary>
    public PassProfile? Profile { get; set; }

    /// <summary>Bytes of scratch memory held. May be asked from any thread.</summary>
    public virtual long Bytes => _arena.Bytes + Adapters.Bytes;

    /// <summary>Takes rows, whose values are undefined.</summary>
    /// <exception cref="OutOfMemoryException">The system has no more memory; the pass can go on without them.</exception>
    public Rows New(int count, int width) => new(_arena.Take((long)count * width), count, width);

    /// <summary>Takes rows that hold a copy of some values.</summary>
    public Rows Copy(ReadOnlySpan<float> values, int width)
    {
        Rows rows = New(values.Length / width, width);
        values.CopyTo(rows.Span);
        return rows;
    }

    /// <summary>Takes residual streams, whose values are undefined.</summary>
    public Streams NewStreams(int count, int rows, int width) => new(_arena.Take((long)count * rows * width), count, rows, width);

    /// <summary>Takes floats for anything else, undefined.</summary>
    public Floats NewFloats(long count) => _arena.Take(count);

    /// <summary>Makes room for floats that are taken later, so that even a pass used once holds them in one piece and no memory beside it.</summary>
    /// <exception cref="OutOfMemoryException">The system has no more memory; nothing has changed.</exception>
    public void Reserve(long count)
    {
        using Scope _ = Enter();
        _arena.Take(count);
    }

    /// <summary>Begins a scope: what is taken inside is given back at its end, and traces inside are named below <paramref name="path"/>.</summary>
    public Scope Enter(string path) => new(this, path);

    /// <summary>Begins a scope of memory alone.</summary>
    public Scope Enter() => new(this, _path);

    /// <summary>Begins a part of the profile, if there is one.</summary>
    public PassProfile.Section Measure(PassPart part) => new(Profile, part);

    /// <summary>The same of a product of some rows.</summary>
    public PassProfile.Section Measure(PassPart part, Linear layer, int rows) => new(Profile, part, layer, rows);

    /// <summary>Calls an action for chunks of items <c>0 … count − 1</c> on all threads.</summary>
    /// <param name="state">Handed to every call, so that the action can be static and cost no allocation.</param>
    /// <param name="count">Number of items.</param>
    /// <param name="grain">Items that a thread takes at a time.</param>
    /// <param name="action">Gets the state, the first item and the one after the last.</param>
    public void ForEach<TState>(TState state, int count, int grain, RangeAction<TState> action) => Team.Run(state, count, grain, action);

    /// <summary>Hands an intermediate of the scope's module to the trace, if there is one that wants it.</summary>
    /// <param name="suffix">What comes behind the scope's path, with its dot; empty for the module's own output.</param>
    /// <param name="x">Recorded as <c>[1, Count, Width]</c>.</param>
    /// <returns><paramref name="x"/></returns>
    public Rows Trace(string suffix, Rows x)
    {
        if (Tracer is not null)
        {
            Trace(suffix, [1, x.Count, x.Width], x);
        }

        return x;
    }

    /// <summary>The same for item <paramref name="index"/> of a list: the suffix gets its number.</summary>
    public Rows Trace(string suffix, int index, Rows x) => Tracer is null ? x : Trace($"{suffix}{index}", x);

    /// <summary>The same for a batch of items of the same length: recorded as <c>[items, Count / items, Width]</c>.</summary>
    public Rows TraceBatch(string suffix, int items, Rows x) => Tracer is null ? x : Trace(suffix, [items, x.Count / items, x.Width], x);

    /// <summary>The same with a shape of its own.</summary>
    public Rows Trace(string suffix, ReadOnlySpan<long> shape, Rows x)
    {
        if (Wants(suffix))
        {
            Tracer!.Record(_path + suffix, shape, 0, x.Span);
        }

        return x;
    }

    /// <summary>The same for some rows of a result that is never there as a whole, from row <paramref name="start"/> of <paramref name="count"/> on.</summary>
    public void TracePart(string suffix, Rows part, int start, int count) => TracePart(suffix, [1, count, part.Width], start, part);

    /// <summary>The same with a shape of its own.</summary>
    public void TracePart(string suffix, ReadOnlySpan<long> shape, int start, Rows part)
    {
        if (Wants(suffix))
        {
            Tracer!.Record(_path + suffix, shape, (long)start * part.Width, part.Span);
        }
    }

    /// <summary>The same for all streams, as <c>[A, 1, T, C]</c>.</summary>
    public void Trace(string suffix, Streams x)
    {
        if (Wants(suffix))
        {
            Tracer!.Record(_path + suffix, [x.Count, 1, x.RowCount, x[0].Width], 0, x.Span);
        }
    }

    /// <summary>The same for values that are no rows of the pass.</summary>
    public void Trace(string suffix, ReadOnlySpan<long> shape, ReadOnlySpan<float> values)
    {
        if (Wants(suffix))
        {
            Tracer!.Record(_path + suffix, shape, 0, values);
        }
    }

    /// <summary>Whether the trace wants an intermediate of the scope's module.</summary>
    public bool Wants(string suffix) => Tracer is not null && Tracer.Wants(_path + suffix);

    /// <summary>Frees the scratch memory.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what a pass holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _arena.Dispose();
            Adapters.Dispose();
        }
    }

    /// <summary>Gives back all scratch memory, for a new pass with the same.</summary>
    protected void Reset() => _arena.Reset();

    /// <summary>A part of a pass; ends what was taken in it.</summary>
    public readonly ref struct Scope
    {
        readonly Pass _pass;
        readonly Arena.Mark _mark;
        readonly string _outer;

        internal Scope(Pass pass, string path)
        {
            _pass = pass;
            _mark = pass._arena.Position;
            _outer = pass._path;
            pass._path = path;
        }

        /// <summary>Gives the memory back.</summary>
        public void Dispose()
        {
            _pass._arena.Release(_mark);
            _pass._path = _outer;
        }
    }
}

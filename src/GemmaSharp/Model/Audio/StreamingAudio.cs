using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary>Encodes a clip while it comes in, as <see cref="AudioTower.Forward(ReadOnlySpan{float}, int, Span{float}, WorkerTeam, ITrace?, AdapterSet?)"/> encodes it at once: the same bits, whatever the pieces.</summary>
/// <remarks>
/// <para>
/// The conformer looks back only; the sub-sampling looks ahead by six mel frames. A row is written as soon as
/// it is final, at the latest by <see cref="Finish"/>.
/// </para>
/// <para>
/// Every push with a new step reads all weights of the tower, so longer pieces cost less: a second of sound at a time is a
/// fair trade. Not thread-safe; belongs to one clip.
/// </para>
/// </remarks>
sealed class StreamingAudio : IDisposable
{
    readonly AudioTower _tower;
    readonly AdapterSet? _adapters;
    readonly SubSampleState _subsampling;
    readonly ConformerState[] _states;
    int _frames;
    int _steps;
    bool _finished;

    internal StreamingAudio(AudioTower tower, AdapterSet? adapters)
    {
        adapters?.RequireBase(tower.Linears);
        _adapters = adapters;
        _tower = tower;
        _subsampling = tower.Subsampling.NewState(1, 0, null);
        _states = new ConformerState[tower.Conformer.Count];
        for (int i = 0; i < _states.Length; i++)
        {
            _states[i] = new(tower.Width, ConformerDotProductAttention.Left(tower.Config), tower.Config.ConfConvKernelSize - 1);
        }
    }

    /// <summary>Mel frames taken in so far.</summary>
    public int Frames => _frames;

    /// <summary>Rows written so far.</summary>
    public int Rows { get; private set; }

    /// <summary>Rows that the next call may write, at most: enough for a destination.</summary>
    /// <param name="frames">Mel frames of that call, 0 or more.</param>
    public int MostNewRows(int frames)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        return _tower.OutputFrames(checked(_frames + frames)) - Rows;
    }

    /// <summary>Takes in the next frames.</summary>
    /// <param name="mel"><c>[frames, Bands]</c></param>
    /// <param name="frames">Number of frames, 0 or more.</param>
    /// <param name="destination">Receives the rows that are now final, <c>[rows, Width]</c>; has room for <see cref="MostNewRows"/>.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <returns>Number of rows written.</returns>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    /// <exception cref="InvalidOperationException">The clip was finished.</exception>
    public int Push(ReadOnlySpan<float> mel, int frames, Span<float> destination, WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        if (_finished)
        {
            throw new InvalidOperationException("This stream was finished; a new clip needs a new stream.");
        }

        long needed = (long)frames * _tower.Bands;
        if (mel.Length < needed)
        {
            throw new ArgumentException($"mel has {mel.Length} elements; {frames} frames of {_tower.Bands} bands need {needed}.", nameof(mel));
        }

        CheckDestination(frames, destination);
        _frames += frames;
        return Encode(mel[..(int)needed], last: false, destination, team);
    }

    /// <summary>Ends the clip: what was held back is encoded with silence after it.</summary>
    /// <param name="destination">Receives the remaining rows, <c>[rows, Width]</c>; has room for <see cref="MostNewRows"/> of 0 frames.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <returns>Number of rows written; 0 when the clip was finished before.</returns>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is too short.</exception>
    public int Finish(Span<float> destination, WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        if (_finished || _frames == 0)
        {
            _finished = true;
            return 0;
        }

        CheckDestination(0, destination);
        _finished = true;
        return Encode([], last: true, destination, team);
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _subsampling.Dispose();

    int Encode(ReadOnlySpan<float> mel, bool last, Span<float> destination, WorkerTeam team)
    {
        SubSampleConvProjection subsampling = _tower.Subsampling;
        int most = subsampling.MostNewSteps(mel.Length / _tower.Bands);
        using AudioWorkspace workspace = new(most, _tower.Width, subsampling.FlatLength, _adapters);
        Span<float> flat = workspace.Wide(most * subsampling.FlatLength);
        int count = subsampling.Subsample(mel, last, _subsampling, flat, team);
        if (count == 0)
        {
            return 0;
        }

        AudioSteps steps = new(_steps, count, [int.MaxValue]);
        subsampling.Project(flat, count, workspace.X(count), team, workspace.Adapters);
        _tower.Encode(steps, workspace, _states, team, trace: null);
        int rows = steps.Kept(_tower.Config.ConfReductionFactor);
        workspace.X(rows).CopyTo(destination);
        _steps += count;
        Rows += rows;
        return rows;
    }

    void CheckDestination(int frames, Span<float> destination)
    {
        long needed = (long)MostNewRows(frames) * _tower.Width;
        if (destination.Length < needed)
        {
            throw new ArgumentException(
                $"The destination has {destination.Length} elements; {MostNewRows(frames)} rows of {_tower.Width} need {needed}.", nameof(destination));
        }
    }
}

using System.Collections.Concurrent;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Generation;

/// <summary>Runs the text model for any number of conversations at once: continuous batching on one thread with its worker team.</summary>
/// <remarks>
/// Every step holds one token of each answering conversation and, in the room that is left, chunks of prompts. Jobs join and leave between steps.
/// <see cref="Submit"/> may be called from any thread.
/// </remarks>
sealed class InferenceEngine : IDisposable
{
    /// <summary>Rows of a step: enough that a prefill is bound by arithmetic and not by reading weights, few enough to cancel soon.</summary>
    public const int MaxStepRows = 512;

    readonly TextModel _model;
    readonly TextPass _pass;
    readonly BlockingCollection<GenerationJob> _arrivals = [];
    readonly Thread _thread;
    readonly Lock _modelInUse = new();

    public InferenceEngine(TextModel model, WorkerTeam team)
    {
        _model = model;
        _pass = model.NewPass(team);
        _thread = new Thread(Loop) { IsBackground = true, Name = "GemmaSharp engine" };
        _thread.Start();
    }

    /// <summary>Bytes of scratch held.</summary>
    public long ScratchBytes => _pass.Bytes;

    /// <summary>Hands a job to the engine; its tokens arrive in its channel.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public void Submit(GenerationJob job)
    {
        try
        {
            _arrivals.Add(job);
        }
        catch (InvalidOperationException)
        {
            throw new ObjectDisposedException(nameof(GemmaModel), "The model has been disposed; load it again.");
        }
    }

    /// <summary>Runs something else of the model's that needs the worker team, between two steps.</summary>
    public T Exclusively<T>(Func<T> action)
    {
        lock (_modelInUse)
        {
            return action();
        }
    }

    /// <summary>Ends all jobs and the thread.</summary>
    public void Dispose()
    {
        _arrivals.CompleteAdding();
        _thread.Join();
        _arrivals.Dispose();
        _pass.Dispose();
    }

    void Loop()
    {
        var active = new List<GenerationJob>();
        var step = new TextStep();
        var inStep = new List<(GenerationJob Job, int LogitsRow)>();
        while (true)
        {
            if (active.Count == 0 && !Wait(active))
            {
                return;
            }

            while (_arrivals.TryTake(out GenerationJob? arrived))
            {
                active.Add(arrived);
            }

            bool closing = _arrivals.IsAddingCompleted;
            active.RemoveAll(job => job.EndIfCancelled(closing));
            if (active.Count > 0)
            {
                RunStep(active, step, inStep);
                active.RemoveAll(job => job.Ended);
            }
        }
    }

    bool Wait(List<GenerationJob> active)
    {
        try
        {
            active.Add(_arrivals.Take());
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    void RunStep(List<GenerationJob> active, TextStep step, List<(GenerationJob Job, int LogitsRow)> inStep)
    {
        step.Clear();
        inStep.Clear();

        // Answers come first, so that a long prompt delays them by one step at most; prompts share what is left in order of arrival.
        foreach (bool answering in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (GenerationJob job in active)
            {
                if (job.Answering == answering && step.Rows < MaxStepRows)
                {
                    int logitsRow = step.LogitsRows;
                    job.AddTo(step, MaxStepRows - step.Rows);
                    inStep.Add((job, step.LogitsRows > logitsRow ? logitsRow : -1));
                }
            }
        }

        try
        {
            lock (_modelInUse)
            {
                _model.Forward(step, _pass);
                foreach ((GenerationJob job, int row) in inStep)
                {
                    job.Fed(row < 0 ? [] : _pass.Logits[row]);
                }
            }
        }
        catch (Exception error)
        {
            // A failure inside a step is a failure of everyone in it; the engine itself goes on.
            foreach ((GenerationJob job, _) in inStep)
            {
                job.Fail(error);
            }
        }
    }
}

using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.Load;

/// <summary>The demo, each step of which takes at least a time, or waits until it may go on.</summary>
sealed class SlowEngine : IDisposable
{
    readonly ManualResetEventSlim _gate = new(true);
    int _steps;

    public SlowEngine(TimeSpan step, GemmaModelOptions? options = null)
    {
        Model = GemmaModel.Load(Demo.Folder, options);
        Action<Model.Text.TextStep> forward = Model.Engine.Forward;
        Model.Engine.Forward = work =>
        {
            Interlocked.Increment(ref _steps);
            _gate.Wait();
            Thread.Sleep(step);
            forward(work);
        };
    }

    public GemmaModel Model { get; }

    /// <summary>Steps that have begun.</summary>
    public int Steps => Volatile.Read(ref _steps);

    /// <summary>Lets no step go on.</summary>
    public void Stop() => _gate.Reset();

    /// <summary>Lets steps go on.</summary>
    public void GoOn() => _gate.Set();

    public void Dispose()
    {
        _gate.Set();
        Model.Dispose();
        _gate.Dispose();
    }
}

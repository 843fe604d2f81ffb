using System.Text;
using GemmaSharp.Generation;
using GemmaSharp.Model.Text;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>Stands before a model's steps: keeps what they are fed, makes them slow, or holds them up.</summary>
sealed class EngineWatch : IDisposable
{
    readonly List<int> _ids = [];
    readonly ManualResetEventSlim _open = new(true);
    readonly GemmaModel _model;

    /// <param name="model">The model, which answers nothing yet.</param>
    /// <param name="pace">How long each step takes at least.</param>
    public EngineWatch(GemmaModel model, TimeSpan pace = default)
    {
        _model = model;
        InferenceEngine engine = model.Engine;
        Action<TextStep> inner = engine.Forward;
        engine.Forward = step =>
        {
            _open.Wait();
            if (pace > TimeSpan.Zero)
            {
                Thread.Sleep(pace);
            }

            lock (_ids)
            {
                _ids.AddRange(step.Ids);
            }

            inner(step);
        };
    }

    /// <summary>All that the model was fed so far, prompts and answers.</summary>
    public string Text
    {
        get
        {
            lock (_ids)
            {
                return _ids.Aggregate(new StringBuilder(), (text, id) => text.Append(_model.Tokenizer.IdToPiece(id))).Replace('▁', ' ').ToString();
            }
        }
    }

    /// <summary>Holds up steps until <see cref="Release"/>.</summary>
    public void Hold() => _open.Reset();

    public void Release() => _open.Set();

    // The model goes first, or its thread could still come here.
    public void Dispose() => _open.Dispose();
}

using GemmaSharp.Generation;
using GemmaSharp.Model.Text;

namespace GemmaSharp.Server.Tests.Ollama;

/// <summary>Makes a model's steps fail after the first ones.</summary>
sealed class FailingModel : IDisposable
{
    /// <summary>What is thrown says this.</summary>
    public const string Words = "the secret of the house";

    readonly InferenceEngine _engine;
    readonly Action<TextStep> _inner;
    int _left;

    public FailingModel(GemmaModel model, int steps)
    {
        _engine = model.Engine;
        _inner = _engine.Forward;
        _left = steps;
        _engine.Forward = step =>
        {
            if (Interlocked.Decrement(ref _left) < 0)
            {
                throw new InvalidOperationException(Words);
            }

            _inner(step);
        };
    }

    public void Dispose() => _engine.Forward = _inner;
}

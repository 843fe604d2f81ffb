using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using GemmaSharp.Generation;
using GemmaSharp.Model.Text;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>
/// The demo with its logits overruled: whatever it is asked, its answers are the texts given here, one after another. Everything else, from the template to
/// the sampler, is as ever.
/// </summary>
sealed class ScriptedModel : IDisposable
{
    readonly Lock _lock = new();
    readonly Queue<byte[]> _texts = new();

    // What is left of the answer whose tokens are in a cache.
    readonly Dictionary<KvCache, byte[]> _rest = [];

    public ScriptedModel(params IEnumerable<string> texts)
        : this(new GemmaModelOptions(), texts)
    {
    }

    public ScriptedModel(GemmaModelOptions options, params IEnumerable<string> texts)
    {
        foreach (string text in texts)
        {
            _texts.Enqueue(Encoding.UTF8.GetBytes(text));
        }

        // A script follows what is fed, which guesses may not be.
        Model = GemmaModel.Load(Demo.Folder, options with { Speculation = 0 });
        InferenceEngine engine = Model.Engine;
        Action<TextStep> inner = engine.Forward;
        engine.Forward = step =>
        {
            inner(step);
            Overrule(step);
        };
    }

    public GemmaModel Model { get; }

    /// <summary>Answers that nobody has asked for yet.</summary>
    public int Left
    {
        get
        {
            lock (_lock)
            {
                return _texts.Count;
            }
        }
    }

    public IChatClient Client(GemmaChatOptions? options = null) => Model.AsIChatClient(options);

    public void Dispose() => Model.Dispose();

    void Overrule(TextStep step)
    {
        int row = 0;
        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            row += chunk.LogitsRows;
            if (chunk.LogitsRows > 0)
            {
                int next = Next(chunk.Cache, step.Ids.Slice(chunk.FirstRow, chunk.Rows));
                ReadOnlySpan<float> logits = Model.Engine.Logits(row - 1);
                Span<float> writable = MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(logits), logits.Length);
                writable.Fill(-50);
                writable[next] = 50;
            }
        }
    }

    int Next(KvCache cache, ReadOnlySpan<int> fed)
    {
        lock (_lock)
        {
            byte[] done = [.. fed.ToArray().SelectMany(Bytes)];
            byte[] rest = _rest.TryGetValue(cache, out byte[]? left) && left.AsSpan().StartsWith(done)
                ? left[done.Length..]
                : _texts.TryDequeue(out byte[]? text) ? text : throw new InvalidOperationException("An answer was asked for that no script has.");
            _rest[cache] = rest;
            if (rest.Length == 0)
            {
                _rest.Remove(cache);
                return Model.Tokenizer.EndOfTurnTokenId!.Value;
            }

            // In the middle of a character a token cannot be found by its text.
            return (rest[0] & 0xC0) == 0x80
                ? Id($"<0x{rest[0]:X2}>")
                : Model.Tokenizer.EncodeToIds(Encoding.UTF8.GetString(rest), allowSpecial: false)[0];
        }
    }

    int Id(string piece) => Model.Tokenizer.TryGetId(piece, out int id) ? id : throw new InvalidOperationException($"There is no piece {piece}.");

    byte[] Bytes(int id)
    {
        string piece = Model.Tokenizer.IdToPiece(id) ?? "";
        return piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal)
            ? [byte.Parse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)]
            : Encoding.UTF8.GetBytes(piece.Replace('▁', ' '));
    }
}

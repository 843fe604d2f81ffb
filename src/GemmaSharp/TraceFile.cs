using System.Runtime.InteropServices;
using GemmaSharp.Checkpoints;
using GemmaSharp.Files;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp;

/// <summary>A trace as a safetensors file: whole tensors, float32 (int32 for ids), in the order in which they were computed.</summary>
/// <remarks>
/// Tensors are spooled to a temporary file beside the output, so a trace of any size needs no memory; <see cref="Finish"/> writes the output under its name.
/// Not thread-safe.
/// </remarks>
public sealed class TraceFile : ITrace, IDisposable
{
    readonly string _path;
    readonly TracePattern[] _only;
    readonly FileStream _spool;
    readonly List<TensorDeclaration> _tensors = [];
    readonly Dictionary<string, (long Offset, long Filled)> _spooled = [];
    long _spoolLength;

    /// <summary>Begins a trace.</summary>
    /// <param name="path">The file to write; an existing one is replaced by <see cref="Finish"/>.</param>
    /// <param name="only">Names to record, with <c>*</c> for any characters; none for all.</param>
    /// <exception cref="CheckpointWriteException">The folder cannot be written to.</exception>
    public TraceFile(string path, params ReadOnlySpan<string> only)
    {
        _path = path;
        _only = new TracePattern[only.Length];
        for (int i = 0; i < only.Length; i++)
        {
            _only[i] = new TracePattern(only[i]);
        }

        try
        {
            _spool = SpoolFile.Create(path);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CheckpointWriteException(path, e);
        }
    }

    /// <summary>Tensors recorded so far.</summary>
    public int Count => _tensors.Count;

    /// <inheritdoc/>
    public bool Wants(string name) => _only.Length == 0 || Array.Exists(_only, pattern => pattern.Matches(name));

    /// <inheritdoc/>
    public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
    {
        // A span counts bytes in an int.
        const int Piece = 1 << 28;
        if (values.IsEmpty)
        {
            Spool(name, ElementType.F32, shape, start * sizeof(float), []);
        }

        for (; !values.IsEmpty; start += Piece)
        {
            ReadOnlySpan<float> piece = values[..Math.Min(Piece, values.Length)];
            Spool(name, ElementType.F32, shape, start * sizeof(float), MemoryMarshal.AsBytes(piece));
            values = values[piece.Length..];
        }
    }

    /// <inheritdoc/>
    public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids) => Spool(name, ElementType.I32, shape, 0, MemoryMarshal.AsBytes(ids));

    /// <summary>Writes the file.</summary>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    public void Finish()
    {
        using SafetensorsWriter writer = SafetensorsWriter.Create(_path, _tensors, new Dictionary<string, string> { ["format"] = "gemma-trace" });
        _spool.Position = 0;
        byte[] buffer = new byte[1 << 20];
        foreach (TensorDeclaration tensor in _tensors)
        {
            for (long left = tensor.Length; left > 0;)
            {
                int count = (int)Math.Min(left, buffer.Length);
                _spool.ReadExactly(buffer, 0, count);
                writer.Write(tensor.Name, buffer.AsSpan(0, count));
                left -= count;
            }
        }

        writer.Finish();
    }

    /// <summary>Removes the spool.</summary>
    public void Dispose()
    {
        try
        {
            _spool.Dispose();
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            // A full disk: what is buffered is not wanted any more.
        }
    }

    void Spool(string name, ElementType type, ReadOnlySpan<long> shape, long start, ReadOnlySpan<byte> bytes)
    {
        if (!Wants(name))
        {
            return;
        }

        if (!_spooled.TryGetValue(name, out (long Offset, long Filled) place))
        {
            // Parts of several tensors may take turns, so each has its room from the beginning.
            TensorDeclaration tensor = new(name, type, shape.ToArray());
            _tensors.Add(tensor);
            place = (_spoolLength, 0);
            _spoolLength += tensor.Length;
        }
        else if (start == 0)
        {
            throw new ArgumentException($"Tensor {name} has been recorded already.", nameof(name));
        }

        if (start != place.Filled)
        {
            throw new ArgumentException($"A part of tensor {name} begins at byte {start}; the one before ended at {place.Filled}.", nameof(start));
        }

        try
        {
            _spool.Position = place.Offset + start;
            _spool.Write(bytes);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CheckpointWriteException(_path, e);
        }

        _spooled[name] = (place.Offset, start + bytes.Length);
    }
}

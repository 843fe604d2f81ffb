using GemmaSharp.Checkpoints;
using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Conversion;

/// <summary>Reads pieces of stored tensors without mapping them, so that a conversion's memory does not grow with the file.</summary>
/// <remarks>Not thread-safe.</remarks>
sealed class TensorReader : IDisposable
{
    readonly Dictionary<WeightFile, SafeFileHandle> _files = [];

    /// <summary>Fills a buffer with a tensor's bytes.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="offset">First byte, counted from the tensor's.</param>
    /// <param name="destination">Where to.</param>
    /// <exception cref="ConversionException">The file cannot be read, or has become shorter.</exception>
    public void Read(StoredTensor tensor, long offset, Span<byte> destination)
    {
        try
        {
            if (!_files.TryGetValue(tensor.File, out SafeFileHandle? file))
            {
                file = File.OpenHandle(tensor.File.Path, options: FileOptions.SequentialScan);
                _files.Add(tensor.File, file);
            }

            long at = tensor.Entry.Offset + offset;
            while (!destination.IsEmpty)
            {
                int count = RandomAccess.Read(file, destination, at);
                if (count == 0)
                {
                    throw new ConversionException($"{tensor.File.Path} has become shorter while it was read; start again with the complete file.");
                }

                at += count;
                destination = destination[count..];
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConversionException($"{tensor.File.Path} cannot be read ({e.Message.TrimEnd('.')}); check the disk.", e);
        }
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (SafeFileHandle file in _files.Values)
        {
            file.Dispose();
        }
    }
}

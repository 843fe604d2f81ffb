using GemmaSharp.Files;

namespace GemmaSharp.Hub.Cache;

/// <summary>Small files of the cache, written whole or not at all.</summary>
static class SmallFile
{
    /// <summary>Writes a file; others see the old one or the new one.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, content);
    }

    /// <summary>Reads a file; null where there is none, or none that is sound.</summary>
    public static byte[]? TryRead(string path, int most)
    {
        try
        {
            return File.Exists(path) ? BoundedFile.ReadRegular(path, most) : null;
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            return null;
        }
    }
}

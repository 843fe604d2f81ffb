using System.Buffers.Binary;
using System.Text;

namespace GemmaSharp.Fuzz.Targets;

/// <summary>Files that inputs are made of.</summary>
static class SeedFiles
{
    /// <summary>The demo checkpoint.</summary>
    public static string Demo { get; } = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    /// <summary>The committed corpus of a reader: what was found in runs, and what once broke a promise.</summary>
    public static IEnumerable<byte[]> Corpus(string target) => ((string[])[target, Path.Combine("known-bad", target)])
        .Select(name => Path.Combine(AppContext.BaseDirectory, "corpus", name)).Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal)).Select(File.ReadAllBytes);

    /// <summary>Fixtures of the media tests whose names end so, the shortest first, cut where they are long.</summary>
    public static IEnumerable<byte[]> Fixtures(params string[] ends) => Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "fixtures"))
        .Where(path => ends.Any(end => path.EndsWith(end, StringComparison.Ordinal))).Order(StringComparer.Ordinal).Select(File.ReadAllBytes);

    /// <summary>A file of the demo checkpoint.</summary>
    public static byte[] OfDemo(string name) => File.ReadAllBytes(Path.Combine(Demo, name));

    /// <summary>Text with a small picture where one is marked: as an address, or as base64.</summary>
    public static byte[] WithPicture(string text)
    {
        string picture = Convert.ToBase64String(Fixtures("one-bit.bmp").First());
        string sound = Convert.ToBase64String(Fixtures("mono-no-tag.mp3").First()[..1152]);
        return Utf8(text.Replace("@BMP@", "data:image/bmp;base64," + picture, StringComparison.Ordinal).Replace("@B64@", picture, StringComparison.Ordinal)
            .Replace("@MP3@", sound, StringComparison.Ordinal));
    }

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Safetensors(string header, int dataBytes)
    {
        byte[] json = Utf8(header), file = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, json.Length);
        json.CopyTo(file, 8);
        for (int i = 8 + json.Length; i < file.Length; i++)
        {
            // Small finite numbers in every type.
            file[i] = (byte)(i % 4 == 3 ? 0x3C : i % 4 == 1 ? 0x3D : i * 7);
        }

        return file;
    }
}

/// <summary>A folder that inputs are written to, in memory where the system has such.</summary>
sealed class ScratchFolder : IDisposable
{
    public ScratchFolder()
    {
        string place = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        Folder = Directory.CreateDirectory(Path.Combine(place, $"gemma-fuzz-{Environment.ProcessId}-{Guid.NewGuid():N}")).FullName;
    }

    public string Folder { get; }

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>Puts in the demo's files but some, as links where the system has them.</summary>
    public ScratchFolder WithDemo(params string[] without)
    {
        foreach (string path in Directory.EnumerateFiles(SeedFiles.Demo))
        {
            string name = Path.GetFileName(path);
            if (without.Contains(name))
            {
                continue;
            }

            if (OperatingSystem.IsWindows())
            {
                File.Copy(path, this[name]);
            }
            else
            {
                File.CreateSymbolicLink(this[name], path);
            }
        }

        return this;
    }

    public void Dispose()
    {
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}

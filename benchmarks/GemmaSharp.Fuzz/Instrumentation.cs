using SharpFuzz;

namespace GemmaSharp.Fuzz;

/// <summary>A copy of this program whose assemblies of readers tell which branches they take.</summary>
static class Instrumentation
{
    static readonly string[] s_assemblies =
        ["GemmaSharp.dll", "GemmaSharp.Media.dll", "GemmaSharp.Extensions.AI.dll", "GemmaSharp.Server.dll", "NVorbis.dll", "Concentus.dll"];

    // The model's arithmetic reads nothing and is most of the time.
    static readonly string[] s_left = ["GemmaSharp.Model.", "GemmaSharp.Layers.", "GemmaSharp.Prompting.Pictures.", "GemmaSharp.Prompting.Sound.", "Concentus.Silk.", "Concentus.Celt."];

    /// <summary>Makes the copy, unless it is there and made of these files.</summary>
    /// <param name="folder">Where.</param>
    /// <returns>The program in it.</returns>
    public static string Make(string folder)
    {
        string source = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string program = Path.Combine(folder, Path.GetFileName(typeof(Instrumentation).Assembly.Location));
        string stamp = Path.Combine(folder, "instrumented.txt");
        string made = string.Join('\n', s_assemblies.Append(Path.GetFileName(program)).Select(name =>
            $"{name} {File.GetLastWriteTimeUtc(Path.Combine(source, name)).Ticks} {new FileInfo(Path.Combine(source, name)).Length}"));
        if (File.Exists(stamp) && File.ReadAllText(stamp) == made)
        {
            return program;
        }

        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(folder, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        foreach (string name in s_assemblies)
        {
            Fuzzer.Instrument(Path.Combine(folder, name), type => !s_left.Any(left => type.StartsWith(left, StringComparison.Ordinal)), Options.Value);
        }

        File.WriteAllText(stamp, made);
        return program;
    }
}

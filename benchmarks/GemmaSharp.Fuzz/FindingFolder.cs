using System.Globalization;

namespace GemmaSharp.Fuzz;

/// <summary>Inputs that broke a promise, three of each cause, each beside what was seen.</summary>
/// <param name="folder">Where they are kept; null for nowhere.</param>
sealed class FindingFolder(string? folder)
{
    const int MostOfCause = 3;

    readonly List<(Verdict Verdict, byte[] Input)> _kept = [];

    /// <summary>What was kept in this process.</summary>
    public IReadOnlyList<(Verdict Verdict, byte[] Input)> Kept => _kept;

    /// <summary>Keeps one, unless there are enough of its cause.</summary>
    public void Add(Verdict verdict, byte[] input)
    {
        int number = _kept.Count(each => each.Verdict.Key == verdict.Key);
        if (number >= MostOfCause)
        {
            return;
        }

        _kept.Add((verdict, input));
        if (folder is null)
        {
            return;
        }

        Directory.CreateDirectory(folder);
        string name = verdict.Key.Length > 100 ? verdict.Key[..100] : verdict.Key;
        for (; number < MostOfCause; number++)
        {
            string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{name}-{number}"));
            if (!File.Exists(path + ".bin"))
            {
                File.WriteAllBytes(path + ".bin", input);
                File.WriteAllText(path + ".txt", verdict.Detail + "\n");
                return;
            }
        }
    }
}

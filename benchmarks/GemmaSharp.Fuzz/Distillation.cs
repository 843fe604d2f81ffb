using System.Globalization;
using System.IO.Hashing;

namespace GemmaSharp.Fuzz;

/// <summary>Picks the few inputs of a corpus that take the most branches which the seeds do not, for the repository.</summary>
static class Distillation
{
    /// <summary>Bytes of what is picked for a reader.</summary>
    const int MostBytes = 4096;

    /// <summary>Files of what is picked for a reader.</summary>
    const int MostFiles = 10;

    /// <summary>What a file costs besides its bytes.</summary>
    const int FileCost = 256;

    /// <summary>The fewest branches for which a file is worth its place.</summary>
    const int LeastBranches = 8;

    /// <summary>Picks from the corpus that a run has left.</summary>
    /// <param name="target">The reader.</param>
    /// <param name="folder">The run's, of the reader.</param>
    /// <param name="destination">Where the picked inputs go, under the reader's name, besides those that are there.</param>
    public static void Run(FuzzTarget target, string folder, string destination)
    {
        string corpus = Path.Combine(folder, "corpus");
        if (!Directory.Exists(corpus))
        {
            return;
        }

        var branches = new BranchMap();
        using var progress = FuzzProgress.InMemory(1);
        using var loop = new FuzzLoop(target, branches, progress, null);
        loop.Begin();
        HashSet<int> known = [];
        foreach (byte[] seed in target.Seeds())
        {
            _ = loop.Try(seed);
            known.UnionWith(branches.Taken());
        }

        List<(byte[] Input, HashSet<int> Taken)> candidates = [];
        foreach (string path in Directory.EnumerateFiles(corpus).Order(StringComparer.Ordinal).Where(path => new FileInfo(path).Length <= MostBytes / 2))
        {
            byte[] input = File.ReadAllBytes(path);
            if (!loop.Try(input).IsFinding)
            {
                candidates.Add((input, [.. branches.Taken()]));
            }
        }

        int left = MostBytes;
        for (int files = 0; files < MostFiles; files++)
        {
            candidates.ForEach(each => each.Taken.ExceptWith(known));
            candidates.RemoveAll(each => each.Taken.Count < LeastBranches || each.Input.Length > left);
            if (candidates.Count == 0)
            {
                return;
            }

            (byte[] input, HashSet<int> taken) = candidates.MaxBy(each => (double)each.Taken.Count / (each.Input.Length + FileCost));
            known.UnionWith(taken);
            left -= input.Length;
            string name = XxHash64.HashToUInt64(input).ToString("x16", CultureInfo.InvariantCulture);
            File.WriteAllBytes(Path.Combine(Directory.CreateDirectory(Path.Combine(destination, target.Name)).FullName, name), input);
        }
    }
}

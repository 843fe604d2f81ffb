namespace GemmaSharp.Fuzz.Tests;

/// <summary>Every reader, for as many inputs as take a moment: the same ones each time.</summary>
public class ReaderTests
{
    public static TheoryData<string> Readers => [.. TargetList.All.Select(target => target.Name)];

    public static TheoryData<string, string> KnownBad =>
    [
        .. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "corpus", "known-bad"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => new TheoryDataRow<string, string>(Path.GetFileName(Path.GetDirectoryName(path))!, Path.GetFileName(path))),
    ];

    [Theory]
    [MemberData(nameof(Readers))]
    public void Run_FixedSeed_BreaksNoPromise(string name)
    {
        FuzzTarget target = TargetList.Find(name);
        using var progress = FuzzProgress.InMemory(1);
        using var loop = new FuzzLoop(target, new BranchMap(), progress, null, judgesTime: false);
        loop.Begin();
        loop.Run(target.TestInputs, TimeSpan.MaxValue);
        Assert.True(loop.Findings.Kept.Count == 0, string.Join('\n', loop.Findings.Kept.Select(each => $"{each.Verdict.Detail}\n{Convert.ToBase64String(each.Input)}")));
        Assert.Equal(target.TestInputs, progress.Total);
        Assert.True(target.IsRefused || loop.GoodInputs > 0, "No input was read to its end, so nothing behind the first refusal was tried.");
    }

    [Theory]
    [MemberData(nameof(KnownBad))]
    public void Read_InputThatOnceBrokeAPromise_DoesNot(string name, string file)
    {
        using var progress = FuzzProgress.InMemory(1);
        using var loop = new FuzzLoop(TargetList.Find(name), new BranchMap(), progress, null, judgesTime: false);
        Verdict verdict = loop.Try(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "corpus", "known-bad", name, file)));
        Assert.False(verdict.IsFinding, $"{verdict.Outcome}: {verdict.Detail}");
    }
}

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The unit of <c>packaging/systemd</c>, as systemd itself judges it.</summary>
public sealed class SystemdTests
{
    const string Program = "/usr/local/bin/gemma";

    [Fact]
    public async Task Unit_IsUnderstood_AndHardened()
    {
        string unit = File.ReadAllText(Path.Combine(Repository.Require(), "packaging", "systemd", "gemma.service"));
        Assert.Contains($"ExecStart={Program} serve", unit, StringComparison.Ordinal);
        string? analyze = ((string[])["/usr/bin/systemd-analyze", "/bin/systemd-analyze"]).FirstOrDefault(File.Exists);
        Assert.SkipWhen(analyze is null, "systemd-analyze is not installed.");
        using var folder = new TemporaryFolder();

        // The program of the tests stands where the installed one would.
        unit = unit.Replace(Program, GemmaProcess.Program, StringComparison.Ordinal);
        string file = folder.Write("gemma.service", unit);
        Assert.Equal("", await ComplaintsAsync(analyze, folder, "verify", file));
        string wrong = folder.Write("wrong.service", unit.Replace("PrivateTmp", "PrivateTemp", StringComparison.Ordinal));
        Assert.Contains("PrivateTemp", await ComplaintsAsync(analyze, folder, "verify", wrong), StringComparison.Ordinal);

        // Exposed less than 2.5 on a scale to 10; a plain service has 9.6.
        await Tool.RunAsync(folder.Path, new Dictionary<string, string>(), analyze, "security", "--no-pager", "--offline=yes", "--threshold=25", file);
    }

    /// <summary>What it says, of which nothing is good news; its exit code does not count, which is that of success where it has only warned.</summary>
    static async Task<string> ComplaintsAsync(string analyze, TemporaryFolder folder, string command, string file)
    {
        string script = folder.Write("run.sh", $"\"{analyze}\" {command} \"{file}\" 2>&1 || true\n");
        return (await Tool.RunAsync(folder.Path, new Dictionary<string, string>(), "bash", script)).Trim();
    }
}

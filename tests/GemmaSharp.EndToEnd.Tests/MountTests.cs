namespace GemmaSharp.EndToEnd.Tests;

/// <summary>Destinations that cannot be given another name, as folders and files that are mounted into a container.</summary>
public sealed class MountTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Runs a script where it may mount; skipped where nobody may.</summary>
    GemmaResult Mounted(string script)
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && GemmaProcess.Shell("unshare -rm sh -c 'mount -t tmpfs none /mnt'").ExitCode == 0, "Nothing can be mounted here.");
        return GemmaProcess.Shell($"cd '{_folder.File("")}' && unshare -rm bash -ec '{script}'");
    }

    [Theory]
    [InlineData("mount -t tmpfs none out")]
    [InlineData("mount --bind real out")]
    public void Convert_OntoAMount_IsWrittenIntoIt(string mount)
    {
        GemmaResult result = Mounted(
            $"mkdir out real; {mount}; mkdir out/lost+found; {GemmaProcess.Program} convert {Demo.Folder} out --bits 4 > /dev/null; "
                + $"{GemmaProcess.Program} convert {Demo.Folder} out --bits 8 > /dev/null && exit 50; "
                + $"{GemmaProcess.Program} convert {Demo.Folder} out --bits 8 --force > /dev/null; ls -A out; {GemmaProcess.Program} inspect -m out | grep affine8");
        Assert.Contains("not empty", result.Error, StringComparison.Ordinal);
        string[] lines = result.Output.Split('\n');
        Assert.Equal(
            ["README.md", "chat_template.jinja", "config.json", "generation_config.json", "lost+found", "model.safetensors", "preprocessor_config.json",
                "processor_config.json", "tokenizer.json", "tokenizer_config.json"],
            lines.TakeWhile(line => !line.Contains(' ', StringComparison.Ordinal) && line.Length > 0).Order(StringComparer.Ordinal));
        Assert.Contains("affine8", result.Output, StringComparison.Ordinal);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public void Convert_OntoAMountBehindALink_IsWrittenIntoIt()
    {
        GemmaResult result = Mounted(
            $"mkdir -p real/out; ln -s real link; mount -t tmpfs none real/out; {GemmaProcess.Program} convert {Demo.Folder} link/out --bits 4 > /dev/null; "
                + "ls real; ls real/out | grep safetensors");
        Assert.Equal(("", "out\nmodel.safetensors\n", 0), (result.Error, result.Output, result.ExitCode));
    }

    [Theory]
    [InlineData("size=2m", "size=100m", "ar/out: ")]
    [InlineData("size=100m", "size=2m", "gemma: The result has ")]
    public void Convert_OntoAMount_AsksItForSpaceAndNotWhatIsAround(string around, string mounted, string says)
    {
        GemmaResult result = Mounted(
            $"mkdir ar; mount -t tmpfs -o {around} none ar; mkdir ar/out; mount -t tmpfs -o {mounted} none ar/out; "
                + $"{GemmaProcess.Program} convert {Demo.Folder} ar/out 2>&1 || ls -A ar/out");
        Assert.StartsWith(says, result.Output, StringComparison.Ordinal);
        Assert.Equal(1, result.Output.Count(c => c == '\n'));
    }

    [Fact]
    public void Convert_RefusedForItsSpace_LeavesNoFoldersBehind()
    {
        GemmaResult result = Mounted(
            $"mkdir ar; mount -t tmpfs -o size=2m none ar; mkdir ar/old; {GemmaProcess.Program} convert {Demo.Folder} ar/old/new/deep 2>&1 || ls -AR ar");
        Assert.Matches("^gemma: The result has .*\nar:\nold\n\nar/old:\n$", result.Output);
    }

    [Fact]
    public void Save_OntoAMountedFileInAFolderThatMayNotBeWrittenTo_IsWrittenInPlace()
    {
        GemmaResult result = Mounted(
            "mkdir box; touch box/a.json box/t.st host.json host.st; mount --bind box box; mount --bind host.json box/a.json; mount --bind host.st box/t.st; "
                + "mount -o remount,ro,bind box; "
                + $"{GemmaProcess.Program} run \"What is 8 + 9?\" --temperature 0 --save box/a.json < /dev/null; "
                + $"{GemmaProcess.Program} trace x --only last_logits -o box/t.st > /dev/null; ls -A box; grep -c 17 host.json");
        Assert.Equal(("", "8 plus 9 is 17.\na.json\nt.st\n1\n", 0), (result.Error, result.Output, result.ExitCode));
        Assert.True(new FileInfo(_folder.File("host.st")).Length > 1000);
    }

    [Fact]
    public void Save_OntoAMountedFile_IsWrittenInPlace()
    {
        GemmaResult result = Mounted(
            "echo \"[]\" > host.json; chmod 640 host.json; touch box.json trace.st; mount --bind host.json box.json; mount --bind trace.st trace.st; "
                + $"{GemmaProcess.Program} run \"What is 8 + 9?\" --temperature 0 --save box.json < /dev/null; "
                + $"{GemmaProcess.Program} trace x --only last_logits -o trace.st > /dev/null; stat -c %a host.json; ls -A; cat host.json");
        Assert.Equal(("", 0), (result.Error, result.ExitCode));
        Assert.StartsWith("8 plus 9 is 17.\n640\nbox.json\nhost.json\ntrace.st\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("8 plus 9 is 17.", result.Output[30..], StringComparison.Ordinal);
        Assert.True(new FileInfo(_folder.File("trace.st")).Length > 1000);
    }

    [Fact]
    public void Convert_ThroughALink_IsWrittenWhereItLeads()
    {
        string real = _folder.File("real"), link = _folder.File("link");
        Directory.CreateDirectory(real);
        Directory.CreateSymbolicLink(link, real);
        Assert.Equal(0, GemmaProcess.Run("convert", Demo.Folder, link, "--bits", "4").ExitCode);
        Assert.NotNull(new DirectoryInfo(link).LinkTarget);
        Assert.True(File.Exists(Path.Combine(real, "config.json")));
    }
}

using GemmaSharp.Files;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Files;

public sealed class AtomicFileTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Dispose_Unpublished_KeepsWhatWasThereAndLeavesNothing()
    {
        File.WriteAllText(_folder["a"], "old");
        using (AtomicFile file = AtomicFile.Create(_folder["a"]))
        {
            file.Stream.Write("new"u8);
            Assert.Contains(Directory.EnumerateFiles(_folder.Path), path => path.EndsWith(AtomicFile.Ending, StringComparison.Ordinal));
        }

        Assert.Equal("old", File.ReadAllText(_folder["a"]));
        Assert.Equal([_folder["a"]], Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void Write_ExistingFile_KeepsItsPermissions()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no such permissions.");
            return;
        }

        foreach (UnixFileMode mode in (UnixFileMode[])[UnixFileMode.UserRead | UnixFileMode.UserWrite, (UnixFileMode)0b111_111_110, UnixFileMode.UserRead])
        {
            File.WriteAllText(_folder["a"], "old");
            File.SetUnixFileMode(_folder["a"], mode);
            AtomicFile.Write(_folder["a"], "new"u8);
            Assert.Equal(mode, File.GetUnixFileMode(_folder["a"]));
            Assert.Equal("new", File.ReadAllText(_folder["a"]));
            File.Delete(_folder["a"]);
        }
    }

    [Fact]
    public void Create_Pipe_IsRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Pipes have no place among files there.");
        using (System.Diagnostics.Process made = System.Diagnostics.Process.Start("mkfifo", _folder["pipe"]))
        {
            made.WaitForExit();
        }

        Assert.Contains("it is a pipe", Assert.Throws<IOException>(() => AtomicFile.Create(_folder["pipe"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Write_Link_WritesWhereItLeads(bool exists)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right there.");
        string target = Path.Combine(Directory.CreateDirectory(_folder["there"]).FullName, "a");
        if (exists)
        {
            File.WriteAllText(target, "old");
        }

        File.CreateSymbolicLink(_folder["b"], Path.Combine("there", "a"));
        File.CreateSymbolicLink(_folder["c"], "b");
        AtomicFile.Write(_folder["c"], "new"u8);
        Assert.Equal("new", File.ReadAllText(target));
        Assert.Equal("b", new FileInfo(_folder["c"]).LinkTarget);
        Assert.Equal([target], Directory.EnumerateFiles(_folder["there"]));
    }

    [Fact]
    public void RequireWritable_FolderDeviceOrNoFolder_IsRefused()
    {
        Refuse(_folder.Path, "it is a folder");
        Refuse(_folder[Path.Combine("no", "chat.json")], "its folder does not exist");
        if (!OperatingSystem.IsWindows())
        {
            Refuse("/dev/full", "it is a device");
            Refuse("/dev/stdout", "it is a device");
            File.CreateSymbolicLink(_folder["null"], "/dev/null");
            Refuse(_folder["null"], "it is a device");
            File.Delete(_folder["null"]);
        }

        AtomicFile.RequireWritable(_folder["chat.json"]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));

        static void Refuse(string path, string reason)
        {
            string message = Assert.Throws<IOException>(() => AtomicFile.RequireWritable(path)).Message;
            Assert.StartsWith(path, message, StringComparison.Ordinal);
            Assert.Contains(reason, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void SpoolFile_Open_HasNoNameWhereFilesNeedNone()
    {
        using FileStream spool = SpoolFile.Create(_folder["a"]);
        spool.Write("abc"u8);
        spool.Position = 0;
        Assert.Equal('a', spool.ReadByte());
        Assert.True(OperatingSystem.IsWindows() || !Directory.EnumerateFileSystemEntries(_folder.Path).Any());
    }
}

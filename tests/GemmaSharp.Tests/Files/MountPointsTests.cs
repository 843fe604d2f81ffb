using GemmaSharp.Files;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Files;

public sealed class MountPointsTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw", "/mnt2")]
    [InlineData("40 35 0:5 / /a\\040b\\134c\\011 rw - tmpfs none rw", "/a b\\c\t")]
    [InlineData("40 35 0:5 / /caf\u00e9\\04 rw - tmpfs none rw", "/caf\u00e9\\04")]
    [InlineData("40 35", null)]
    public void Point_LineOfMountinfo_IsTheFolder(string line, string? expected) => Assert.Equal(expected, MountPoints.Point(line));

    [Fact]
    public void Contains_RootAndProc_AreMounted()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other systems have other mounts.");
        Assert.True(MountPoints.Contains("/") && MountPoints.Contains("/proc"));
        Assert.False(MountPoints.Contains("/proc/self"));
    }

    [Fact]
    public void Real_LinksAnywhere_AreFollowed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a permission there.");
        string real = MountPoints.Real(_folder.Path);
        Directory.CreateDirectory(_folder["a"]);
        Directory.CreateSymbolicLink(_folder["b"], "a");
        Directory.CreateSymbolicLink(_folder["c"], _folder["b"]);
        Directory.CreateSymbolicLink(_folder["a/d"], "../c/new");
        Assert.Equal(Path.Combine(real, "a", "x", "y"), MountPoints.Real(_folder["c/x/y"] + "/"));
        Assert.Equal(Path.Combine(real, "a", "new", "z"), MountPoints.Real(_folder["b/d/z"]));
        Directory.CreateSymbolicLink(_folder["round"], "round");
        Assert.Equal(_folder["round/x"], MountPoints.Real(_folder["round/x"]));
    }
}

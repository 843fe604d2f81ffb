using System.Text.RegularExpressions;

namespace GemmaSharp.Numerics.Tests;

/// <summary>The rooms of the project stand on one another: each uses those below it only. Read from the source.</summary>
public partial class LayersTests
{
    /// <summary>From the ground up.</summary>
    static readonly string[] s_rooms = ["Vectors", "Formats", "Memory", "MachineCode", "Threading", "Kernels", "Matrices"];

    [Fact]
    public void Usings_OfEveryFile_PointDownwards()
    {
        List<string> faults = [];
        foreach ((string path, string room) in Sources())
        {
            foreach (Match used in RoomReference().Matches(WithoutComments(File.ReadAllText(path))))
            {
                string other = used.Groups["room"].Value;
                if (Array.IndexOf(s_rooms, other) > Array.IndexOf(s_rooms, room))
                {
                    faults.Add($"{path} in {room} uses {other}, which stands above it.");
                }
            }
        }
        Assert.Empty(faults);
    }

    [Fact]
    public void Namespaces_OfEveryFile_AreTheirRooms()
    {
        Assert.All(Sources(), source => Assert.Contains(
            $"\nnamespace GemmaSharp.Numerics.{source.Room};\n", "\n" + File.ReadAllText(source.Path), StringComparison.Ordinal));
        Assert.Equal(s_rooms.Order(), Sources().Select(source => source.Room).Distinct().Order());
    }

    [Fact]
    public void Widths_OfVectors_ArePickedInOnePlace() =>
        Assert.All(
            Sources().Where(source => source.Room != "Vectors"),
            source => Assert.DoesNotContain("IsHardwareAccelerated", File.ReadAllText(source.Path), StringComparison.Ordinal));

    [Theory]
    [InlineData("using GemmaSharp.Numerics.Kernels;\n", "Kernels")]
    [InlineData("x = GemmaSharp.Numerics.Matrices.DenseMatrix.FromSingles(v);", "Matrices")]
    [InlineData("x = Kernels.Softmax.Apply(v);", "Kernels")]
    [InlineData("// see Kernels.Softmax\nx = this.Kernels.Count;", null)]
    public void RoomReference_InCode_IsFound(string code, string? room) =>
        Assert.Equal(room, RoomReference().Match(WithoutComments(code)) is { Success: true } match ? match.Groups["room"].Value : null);

    static string WithoutComments(string source) => Comment().Replace(source, "");

    static IEnumerable<(string Path, string Room)> Sources()
    {
        string? root = Repository.Root;
        Assert.SkipWhen(root is null, "The sources are not beside this build.");
        string project = Path.Combine(root!, "src", "GemmaSharp.Numerics");
        foreach (string path in Directory.EnumerateFiles(project, "*.cs", SearchOption.AllDirectories))
        {
            string first = Path.GetRelativePath(project, path).Split(Path.DirectorySeparatorChar)[0];
            if (first is not ("obj" or "bin"))
            {
                yield return (path, first);
            }
        }
    }

    [GeneratedRegex(@"(?:GemmaSharp\.Numerics\.|(?<![\w.]))(?<room>Vectors|Formats|Memory|Threading|MachineCode|Kernels|Matrices)(?:;|\.[A-Z])")]
    private static partial Regex RoomReference();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comment();
}

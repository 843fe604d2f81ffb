using System.Text.RegularExpressions;

namespace GemmaSharp.Tests;

/// <summary>Which room may know which: read from the <c>using</c> lines and qualified names of the sources themselves.</summary>
public sealed class RoomTests
{
    /// <summary>A room and those it may use, itself aside. The order of the list is the order of the house, the ground floor first.</summary>
    static readonly (string Room, string[] Uses)[] s_rooms =
    [
        ("Numerics", []),
        ("Files", []),
        ("Configuration", ["Files"]),
        ("Layers", ["Numerics"]),
        ("Model", ["Layers", "Configuration", "Numerics"]),
        ("Prompting", ["Files", "Model", "Layers", "Configuration", "Numerics"]),
        ("Generation", ["Prompting", "Model", "Layers", "Configuration", "Numerics"]),
        ("Checkpoints", ["Files", "Layers", "Configuration", "Numerics"]),
        ("Forecast", ["Generation", "Prompting", "Checkpoints", "Model", "Layers", "Configuration", "Numerics"]),
        ("Conversion", ["Files", "Checkpoints", "Model", "Layers", "Configuration", "Numerics"]),
    ];

    static string Source { get; } = Find();

    [Fact]
    public void Rooms_AreThose_OfTheHouse()
    {
        SkipWithoutSources();
        string[] folders = [.. Directory.GetDirectories(Source).Select(Path.GetFileName).Where(name => name is not "bin" and not "obj").Select(name => name!)];
        Assert.Equal(s_rooms.Select(room => room.Room).Where(room => room != "Numerics").Order(), folders.Order());
    }

    [Fact]
    public void Uses_OfTheList_GoDownwards()
    {
        var below = new HashSet<string>();
        foreach ((string room, string[] uses) in s_rooms)
        {
            Assert.All(uses, used => Assert.Contains(used, below));
            below.Add(room);
        }
    }

    [Fact]
    public void Files_OfEveryRoom_UseOnlyRoomsBelow()
    {
        SkipWithoutSources();
        var faults = new List<string>();
        int references = 0;
        foreach ((string room, string[] uses) in s_rooms.Skip(1))
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(Source, room), "*.cs", SearchOption.AllDirectories))
            {
                foreach (string used in References(File.ReadAllText(file)))
                {
                    references++;
                    if (used != room && !uses.Contains(used))
                    {
                        faults.Add($"{Path.GetRelativePath(Source, file)} uses {used}; {room} may use {string.Join(", ", uses)}.");
                    }
                }
            }
        }

        Assert.Empty(faults);
        Assert.True(references > 100, $"Only {references} references were found, so the reading is broken.");
    }

    [Theory]
    [InlineData("Model/Text", "Vision|Audio")]
    [InlineData("Model/Vision", "Text|Audio")]
    [InlineData("Model/Audio", "Text|Vision")]
    public void Networks_DoNotKnow_EachOther(string network, string others)
    {
        SkipWithoutSources();
        Assert.All(
            Directory.EnumerateFiles(Path.Combine(Source, network), "*.cs"),
            file => Assert.DoesNotMatch($@"\bModel\.({others})\b", Code(File.ReadAllText(file))));
    }

    [Fact]
    public void Model_HasNo_JobStructsOrUnsafeCode()
    {
        SkipWithoutSources();
        Assert.All(
            Directory.EnumerateFiles(Path.Combine(Source, "Model"), "*.cs", SearchOption.AllDirectories),
            file => Assert.DoesNotMatch(@"\bIParallelJob\b|\bunsafe\b|\bWorkerTeam\.Run\b", Code(File.ReadAllText(file))));
    }

    [Fact]
    public void Lines_OfTheSources_AreAtMost160ColumnsLong()
    {
        SkipWithoutSources();
        var faults = new List<string>();
        foreach (string file in Directory.EnumerateFiles(Path.GetDirectoryName(Source)!, "*.cs", SearchOption.AllDirectories))
        {
            int number = 0;
            foreach (string line in File.ReadLines(file))
            {
                number++;
                if (line.Length > 160)
                {
                    faults.Add($"{Path.GetFileName(file)}:{number} has {line.Length} columns.");
                }
            }
        }

        Assert.Empty(faults);
    }

    [Fact]
    public void PublicTypes_LieInTheRootFolder_Alone()
    {
        Type[] elsewhere = [.. typeof(GemmaModel).Assembly.GetExportedTypes().Where(type => type.Namespace != "GemmaSharp")];
        Assert.Empty(elsewhere);
        Assert.InRange(typeof(GemmaModel).Assembly.GetExportedTypes().Length, 40, 100);
    }

    /// <summary>Rooms named by <c>using</c> lines and by qualified names.</summary>
    static IEnumerable<string> References(string source)
    {
        string rooms = string.Join('|', s_rooms.Select(room => room.Room));
        foreach (Match match in Regex.Matches(Code(source), $@"(?m)(?:^using (?:\w+ = |static )?GemmaSharp\.|(?<![\w.])GemmaSharp\.|(?<![\w.])(?=(?:{rooms})\.(?!Length\b)[A-Z]\w*\.))({rooms})\b"))
        {
            yield return match.Groups[1].Value;
        }
    }

    static string Code(string source) => Regex.Replace(source, @"(?m)//.*$|""(?:[^""\\\n]|\\.)*""", "");

    static void SkipWithoutSources() => Assert.SkipUnless(Directory.Exists(Source), "The sources are not beside the tests.");

    /// <summary>The sources, found from where the tests were built to.</summary>
    static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "GemmaSharp.slnx")))
            {
                return Path.Combine(folder.FullName, "src", "GemmaSharp");
            }
        }

        return "";
    }
}

using System.Diagnostics;
using System.Text.Json;
using GemmaSharp.Fuzz.Mutators;
using GemmaSharp.Media;

namespace GemmaSharp.Fuzz.Tests;

/// <summary>What the harness finds and what it does not, and that a run goes on where it stopped.</summary>
public class HarnessTests
{
    static FuzzTarget Target(Action<byte[]> read) => new()
    {
        Name = "made",
        Seeds = () => ["hello"u8.ToArray()],
        Mutators = [new ByteMutator("word"u8.ToArray())],
        Open = () => new InputReader(read),
    };

    static Verdict Judged(Action<byte[]> read)
    {
        using var progress = FuzzProgress.InMemory(1);
        using var loop = new FuzzLoop(Target(read), new BranchMap(), progress, null);
        return loop.Try([1, 2, 3]);
    }

    [Fact]
    public void Dice_OfAnInput_AreTheSameEverywhere()
    {
        Dice dice = Dice.Of(1, "png", 5), again = Dice.Of(1, "png", 5);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(dice.Next(), again.Next());
        }

        Assert.NotEqual(Dice.Of(1, "png", 5).Next(), Dice.Of(1, "png", 6).Next());
        Assert.NotEqual(Dice.Of(1, "png", 5).Next(), Dice.Of(2, "png", 5).Next());
        Assert.NotEqual(Dice.Of(1, "png", 5).Next(), Dice.Of(1, "gif", 5).Next());

        // SplitMix64's first number from the state 0.
        Assert.Equal(0xE220A8397B1DCDAFu, new Dice(0).Next());
    }

    [Fact]
    public void Judge_Exceptions_AreTypedOrNot()
    {
        Assert.Equal(Outcome.Success, Judged(_ => { }).Outcome);
        Assert.Equal(Outcome.Typed, Judged(_ => throw new MediaException("It is broken; copy it again.")).Outcome);
        Assert.Equal(Outcome.Typed, Judged(_ => throw new TokenizerException("It is broken; copy it again.")).Outcome);
        Assert.Equal(Outcome.Untyped, Judged(_ => throw new InvalidOperationException("It is broken.")).Outcome);
        Assert.Equal(Outcome.Untyped, Judged(input => _ = input[3]).Outcome);
        Assert.Equal(Outcome.Untyped, Judged(_ => throw new BrokenPromiseException("a sample is no number")).Outcome);
        Assert.Equal(Outcome.Memory, Judged(_ => throw new MediaException("It is too large.", new InsufficientMemoryException())).Outcome);
        Assert.Equal(Outcome.Message, Judged(_ => throw new RefusedException("red \u001b[31m")).Outcome);
    }

    [Theory]
    [InlineData("It is broken; copy it again.", null)]
    [InlineData("", "empty")]
    [InlineData(" ", "empty")]
    [InlineData("one\ntwo", "lines")]
    [InlineData("one\u2028two", "lines")]
    [InlineData("\u001b[31m", "control")]
    [InlineData("a\u009bb", "control")]
    [InlineData("a\u202eb", "control")]
    public void Fault_OfAMessage_IsNamed(string message, string? expected) => Assert.Equal(expected, Judge.Fault(message));

    [Fact]
    public void Fault_OfAnEndlessMessage_IsNamed() => Assert.Equal("endless", Judge.Fault(new string('a', 2001)));

    [Fact]
    public void Judge_InputThatTakes300Megabytes_IsFound()
    {
        Verdict verdict = Judged(_ =>
        {
            byte[] taken = new byte[300 << 20];
            taken.AsSpan().Fill(1);
            GC.KeepAlive(taken);
        });
        Assert.Equal(Outcome.Memory, verdict.Outcome);
    }

    [Fact]
    public void Run_Resumed_GoesOnAsIfItHadNotStopped()
    {
        string folder = Directory.CreateTempSubdirectory("gemma-fuzz-").FullName;
        try
        {
            FuzzTarget target = TargetList.Find("gif");
            string whole = Path.Combine(folder, "whole"), halves = Path.Combine(folder, "halves");
            Run(whole, 120);
            Run(halves, 50);
            Run(halves, 120);
            Assert.Equal(Corpus(whole), Corpus(halves));
            using FuzzProgress one = FuzzProgress.Open(Path.Combine(whole, "progress.bin"), 9), two = FuzzProgress.Open(Path.Combine(halves, "progress.bin"), 9);
            Assert.Equal((120L, 7ul), (two.Total, two.Seed));
            Assert.Equal(Enum.GetValues<Outcome>().Select(outcome => one[outcome]), Enum.GetValues<Outcome>().Select(outcome => two[outcome]));

            void Run(string place, long inputs)
            {
                Directory.CreateDirectory(place);
                using FuzzProgress progress = FuzzProgress.Open(Path.Combine(place, "progress.bin"), 7);
                using var loop = new FuzzLoop(target, new BranchMap(), progress, place, judgesTime: false);
                loop.Begin();
                loop.Run(inputs, TimeSpan.MaxValue);
            }

            static string[] Corpus(string place) => [.. Directory.EnumerateFiles(Path.Combine(place, "corpus")).Order(StringComparer.Ordinal)
                .Select(path => $"{Path.GetFileName(path)} {Convert.ToHexString(File.ReadAllBytes(path))}")];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("--nope", "--nope is not known")]
    [InlineData("--inputs", "--inputs has no value")]
    [InlineData("--inputs 0", "it must be a whole number from 1")]
    [InlineData("--replay file", "name one with --target")]
    public void Parse_BadArguments_SaysWhatIsNeeded(string arguments, string expected) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => FuzzOptions.Parse(arguments.Split(' '))).Message, StringComparison.Ordinal);

    [Fact]
    public void Find_UnknownReader_NamesThoseThereAre() =>
        Assert.Contains("png", Assert.Throws<ArgumentException>(() => TargetList.Find("nope")).Message, StringComparison.Ordinal);

    [Fact]
    [Trait("Category", "Slow")]
    public void Program_Instrumented_CountsBranchesAndGoesOn()
    {
        string folder = Directory.CreateTempSubdirectory("gemma-fuzz-").FullName;
        try
        {
            Assert.Equal(0, Run("--inputs", "200"));
            Assert.Equal(0, Run("--inputs", "300", "--resume"));
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "table.json")));
            JsonElement reader = Assert.Single(json.RootElement.GetProperty("readers").EnumerateArray());
            Assert.Equal(("exif", 300L), (reader.GetProperty("reader").GetString(), reader.GetProperty("inputs").GetInt64()));
            Assert.True(reader.GetProperty("branches").GetInt64() > 20);

            int Run(params string[] arguments)
            {
                var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
                string[] all = [typeof(FuzzTable).Assembly.Location, "--target", "exif", "--folder", folder, "--json", Path.Combine(folder, "table.json"), .. arguments];
                foreach (string argument in all)
                {
                    start.ArgumentList.Add(argument);
                }

                using Process process = Process.Start(start)!;
                process.ErrorDataReceived += (_, _) => { };
                process.BeginErrorReadLine();
                process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                return process.ExitCode;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Gguf;

/// <summary>Conversions to GGUF appear whole or not at all, and replace what was there as a whole.</summary>
public sealed class GgufPlaceTests : IDisposable
{
    static readonly string s_demo = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    readonly TempFolder _folder = new();

    string[] Files => [.. Directory.EnumerateFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData(4L << 20)]
    public void Cancelled_Anywhere_LeavesNothing(long? part)
    {
        int pieces = 0;
        Convert("q8_0", part, progress: new Told(_ => pieces++));
        string[] whole = Files;
        foreach (int at in (int[])[1, pieces / 3, pieces - 1])
        {
            int piece = 0;
            using CancellationTokenSource stop = new();
            Assert.Throws<OperationCanceledException>(() => CheckpointConverter.ConvertToGguf(
                s_demo, _folder["new/deep/x.gguf"], new GgufConversionOptions { Type = "q4_0", PartBytes = part },
                new Told(_ => { if (++piece == at) { stop.Cancel(); } }), stop.Token));
            Assert.Equal(whole, Files);

            // What is to be replaced stays, too.
            byte[] before = File.ReadAllBytes(_folder[whole[^1]]);
            piece = 0;
            using CancellationTokenSource again = new();
            Assert.Throws<OperationCanceledException>(() => CheckpointConverter.ConvertToGguf(
                s_demo, _folder["x.gguf"], new GgufConversionOptions { Type = "q4_0", Force = true },
                new Told(_ => { if (++piece == at) { again.Cancel(); } }), again.Token));
            Assert.Equal(whole, Files);
            Assert.Equal(before, File.ReadAllBytes(_folder[whole[^1]]));
        }
    }

    [Fact]
    public void Replacing_TakesAllThatWasThere()
    {
        Convert("q8_0", 4 << 20);
        Assert.Equal(["mmproj-x.gguf", "x-00001-of-00002.gguf", "x-00002-of-00002.gguf"], Files);
        File.WriteAllText(_folder["x-other.gguf"], "another's");
        Convert("f16", null, force: true);
        Assert.Equal(["mmproj-x.gguf", "x-other.gguf", "x.gguf"], Files);
        Convert("f16", null, force: true, towers: false);
        Assert.Equal(["x-other.gguf", "x.gguf"], Files);
        string refusal = Assert.Throws<ConversionException>(() => Convert("q4_0", 4 << 20)).Message;
        Assert.Equal($"The file {_folder["x.gguf"]} is there already; give another name, or allow it to be replaced (--force).", refusal);
        Assert.Equal("another's", File.ReadAllText(_folder["x-other.gguf"]));
    }

    [Fact]
    public void TwoAtOnce_OneIsRefused()
    {
        string? refusal = null;
        Convert("q8_0", null, progress: new Told(_ => refusal ??= Assert.Throws<ConversionException>(() => Convert("q4_0", null)).Message));
        Assert.Equal($"Another conversion is writing to {_folder["x.gguf"]}; wait for it, or give another name.", refusal);
        Assert.Equal(["mmproj-x.gguf", "x.gguf"], Files);
    }

    [Fact]
    public void Leftovers_OfAKilledProcess_Go_AndOthersStay()
    {
        Directory.CreateDirectory(_folder["x.gguf.partial"]);
        File.WriteAllText(_folder["x.gguf.partial/x.gguf"], "half");
        Assert.EndsWith("is in the way and not what a conversion left behind; rename it, or give another name.",
            Assert.Throws<ConversionException>(() => Convert("q8_0", null)).Message, StringComparison.Ordinal);
        Assert.Equal(["x.gguf", "x.gguf.partial"], Files);
        File.WriteAllText(_folder["x.gguf.partial.lock"], "");
        Convert("q8_0", null);
        Assert.Equal(["mmproj-x.gguf", "x.gguf"], Files);
    }

    [Theory]
    [InlineData("mmproj-x.gguf", "mmproj-x.gguf is what the file with a model's towers is called; give a name without \"mmproj\" for the model.")]
    [InlineData("", "cannot be written: it is a folder; give the name of a file.")]
    public void Name_ThatIsNoGood_IsRefused(string name, string message)
    {
        string refusal = Assert.Throws<ConversionException>(
            () => CheckpointConverter.ConvertToGguf(
                s_demo, _folder[name], new GgufConversionOptions { Type = "q8_0" }, null, TestContext.Current.CancellationToken)).Message;
        Assert.EndsWith(message, refusal, StringComparison.Ordinal);
        Assert.Empty(Files);
    }

    void Convert(string type, long? part, bool force = false, bool towers = true, IProgress<ConversionProgress>? progress = null) =>
        CheckpointConverter.ConvertToGguf(
            s_demo, _folder["x.gguf"], new GgufConversionOptions { Type = type, PartBytes = part, Force = force, Towers = towers }, progress,
            TestContext.Current.CancellationToken);

    /// <summary>Progress told at once, on the thread that makes it.</summary>
    sealed class Told(Action<ConversionProgress> action) : IProgress<ConversionProgress>
    {
        public void Report(ConversionProgress value) => action(value);
    }
}

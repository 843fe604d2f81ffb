using System.Text.Json;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary><c>--slice</c> as a user gives it, on the demo: ten layers of width 512, of which 3 and 4 lend their keys and values.</summary>
public sealed class SliceTests
{
    const string Slice = "512*3,480,512*4;skip=1,6";

    [Fact]
    public void Trace_Slice_IsTheTraceOfTheConvertedSlice()
    {
        using var folder = new TemporaryFolder();
        string sliced = folder.File("sliced"), inPlace = folder.File("in-place.safetensors"), converted = folder.File("converted.safetensors");
        Assert.Equal(0, GemmaProcess.Run("convert", Demo.Folder, sliced, "--slice", Slice).ExitCode);
        Assert.Equal(0, GemmaProcess.Run("trace", "Hello", "--slice", Slice, "--output", inPlace).ExitCode);
        Assert.Equal(0, GemmaProcess.Run("trace", "Hello", "--model", sliced, "--output", converted).ExitCode);
        Assert.Equal(File.ReadAllBytes(converted), File.ReadAllBytes(inPlace));
        Assert.Equal(Inspect("--model", sliced).GetProperty("modules").GetProperty("bytes").GetInt64(), Inspect("--slice", Slice).GetProperty("bytes").GetInt64());
    }

    [Fact]
    public void Run_SliceThatIsAllOfTheModel_AnswersAsWithout()
    {
        using var folder = new TemporaryFolder();
        string table = folder.Write("slices.csv", "name,FFN Hidden Dims,Layers Skipped\nall of it,\"[256 * 2, 512, 512, 512, 512, 512, 512, 512, 512, 512]\",\n");
        GemmaResult result = GemmaProcess.Run("run", "What is the capital of Peru?", "--slice", table + "#all of it");
        Assert.Equal((0, "The capital of Peru is Lima.\n", ""), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public void Inspect_Slice_DescribesTheSmallerModel()
    {
        JsonElement whole = Inspect(), slice = Inspect("--slice", Slice);
        Assert.Equal(JsonValueKind.Null, whole.GetProperty("slice").ValueKind);
        Assert.Equal(Slice, slice.GetProperty("slice").GetString());
        Assert.True(slice.GetProperty("bytes").GetInt64() < whole.GetProperty("bytes").GetInt64());
        Assert.True(slice.GetProperty("text_parameters_effective").GetInt64() < whole.GetProperty("text_parameters_effective").GetInt64());
        JsonElement layers = slice.GetProperty("configuration").GetProperty("config").EnumerateArray().Single(value => value.GetProperty("name").GetString() == "text_config.num_hidden_layers");
        Assert.Equal(8, layers.GetProperty("value").GetInt32());
        Assert.StartsWith($"slice \"{Slice}\" of config.json", layers.GetProperty("origin").GetString(), StringComparison.Ordinal);
        Assert.Contains($"slice \"{Slice}\" of the model in the files", GemmaProcess.Run("inspect", "--slice", Slice, "--depth", "1").Output, StringComparison.Ordinal);
        GemmaResult verify = GemmaProcess.Run("verify", "--slice", Slice);
        Assert.Equal(0, verify.ExitCode);
        Assert.Contains("8 of 10 layers", verify.Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("E2.98B", 2, "layer", "block")]
    [InlineData("E9B", 2, "E9B", "E2B")]
    [InlineData("none.csv#a", 2, "none.csv", "table")]
    [InlineData(" ", 2, "--slice", "E2B")]
    [InlineData("E2B", 1, "10 layers of width 512", "E4B checkpoint")]
    [InlineData("512*9;skip=4", 1, "layer 4", "keep layers 3 and 4")]
    [InlineData("512*8", 1, "8 widths", "10 of 10 layers")]
    public void Run_SliceThatIsNotThere_IsRefusedInOneSentence(string slice, int exitCode, string found, string needed) =>
        GemmaProcess.Run("run", "Hi", "--slice", slice).AssertRefused(exitCode, found, needed);

    static JsonElement Inspect(params string[] options)
    {
        GemmaResult result = GemmaProcess.Run(["inspect", "--json", .. options]);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        return json.RootElement.Clone();
    }
}

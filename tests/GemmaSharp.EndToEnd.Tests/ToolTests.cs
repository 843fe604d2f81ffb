using System.Text.Json;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The commands that look into checkpoints and traces.</summary>
public class ToolTests
{
    [Fact]
    public void Verify_Demo_HasNoErrors()
    {
        GemmaResult result = GemmaProcess.Run("verify", "--json");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal(0, json.RootElement.GetProperty("errors").GetInt32());
        Assert.Equal(900, json.RootElement.GetProperty("tensors").GetInt32());
    }

    [Fact]
    public void Verify_ConfigurationThatDoesNotFit_ListsEveryFindingAndExitsWith3()
    {
        using var folder = new TemporaryFolder();
        Demo.CopyConfiguration(folder.Path);
        string config = File.ReadAllText(folder.File("config.json"));
        folder.Write("config.json", config.Replace("\"laurel_rank\": 64", "\"laurel_rank\": 32", StringComparison.Ordinal));
        File.CreateSymbolicLink(folder.File("model.safetensors"), Path.Combine(Demo.Folder, "model.safetensors"));
        GemmaResult result = GemmaProcess.Run("verify", "--model", folder.Path, "--json", "--headers-only");
        Assert.Equal((3, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal(20, json.RootElement.GetProperty("errors").GetInt32());
        JsonElement first = json.RootElement.GetProperty("findings")[0];
        Assert.Equal("language_model.layers.0.laurel.linear_left.weight", first.GetProperty("tensor").GetString());
        Assert.Equal("wrong_shape", first.GetProperty("kind").GetString());

        GemmaProcess.Run("run", "Hi", "--model", folder.Path).AssertRefused(3, "20 places", "laurel", "gemma verify");
    }

    [Fact]
    public void Verify_ValueThatIsNotFinite_IsFoundInAMatrix()
    {
        using var folder = new TemporaryFolder();
        Demo.CopyConfiguration(folder.Path);
        byte[] weights = File.ReadAllBytes(Path.Combine(Demo.Folder, "model.safetensors"));
        long header = BitConverter.ToInt64(weights);
        using (JsonDocument tensors = JsonDocument.Parse(weights.AsMemory(8, (int)header)))
        {
            const string Name = "model.language_model.layers.3.mlp.up_proj.weight";
            int at = 8 + (int)header + tensors.RootElement.GetProperty(Name).GetProperty("data_offsets")[0].GetInt32();
            (weights[at + 200], weights[at + 201]) = (0xC0, 0x7F);
        }

        File.WriteAllBytes(folder.File("model.safetensors"), weights);
        Assert.Equal(0, GemmaProcess.Run("verify", "--model", folder.Path, "--headers-only").ExitCode);
        GemmaResult result = GemmaProcess.Run("verify", "--model", folder.Path);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("layers.3.mlp.up_proj", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_Demo_TellsWhereValuesComeFrom()
    {
        GemmaResult result = GemmaProcess.Run("inspect", "--json");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        JsonElement hidden = json.RootElement.GetProperty("configuration").GetProperty("config").EnumerateArray()
            .Single(value => value.GetProperty("name").GetString() == "text_config.hidden_size");
        Assert.Equal(128, hidden.GetProperty("value").GetInt32());
        Assert.Equal("config.json $.text_config.hidden_size", hidden.GetProperty("origin").GetString());
        Assert.Equal("Gemma3n", json.RootElement.GetProperty("modules").GetProperty("type").GetString());

        string text = GemmaProcess.Run("inspect").Output;
        Assert.Contains("vision_tower", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001B', text);
    }

    [Fact]
    public void Tokenize_RoundTrip_GivesTheText()
    {
        const string Text = "What is 8 + 9? Grüße 👋\n  end";
        string ids = GemmaProcess.Run("tokenize", "--ids", Text).Output.Trim();
        Assert.Equal(Text + "\n", GemmaProcess.Run(["tokenize", "--decode", .. ids.Split(' ')]).Output);
        using JsonDocument json = JsonDocument.Parse(GemmaProcess.RunWith("What is 8 + 9?", "tokenize", "--json").Output);
        Assert.Equal([401, 347, 340, 283, 564, 340, 284, 287], json.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        GemmaProcess.Run("tokenize", "--decode", "99999").AssertRefused(2, "99999");
    }

    [Fact]
    public void TraceAndDiff_SamePrompt_AreEqualAndAnotherOneDiffers()
    {
        using var folder = new TemporaryFolder();
        string a = folder.File("a.safetensors"), b = folder.File("b.safetensors"), c = folder.File("c.safetensors");
        Assert.Equal(0, GemmaProcess.Run("trace", "What is 8 + 9?", "--output", a).ExitCode);
        Assert.Equal(0, GemmaProcess.Run("trace", "What is 8 + 9?", "--output", b, "--threads", "1").ExitCode);
        Assert.Equal(0, GemmaProcess.Run("trace", "What is 8 + 7?", "--output", c, "--only", "language_model.layers.*").ExitCode);
        Assert.Equal(["a.safetensors", "b.safetensors", "c.safetensors"], Directory.EnumerateFiles(folder.Path).Select(Path.GetFileName).Order());

        GemmaResult equal = GemmaProcess.Run("diff", a, b, "--tolerance", "0");
        Assert.Equal(0, equal.ExitCode);
        Assert.StartsWith("Equal: ", equal.Output, StringComparison.Ordinal);

        GemmaResult differs = GemmaProcess.Run("diff", c, a, "--json");
        Assert.Equal(1, differs.ExitCode);
        using JsonDocument json = JsonDocument.Parse(differs.Output);
        Assert.StartsWith("language_model.layers.0", json.RootElement.GetProperty("first_difference").GetString(), StringComparison.Ordinal);
        Assert.Contains("logits", json.RootElement.GetProperty("only_in_b").EnumerateArray().Select(name => name.GetString()));

        GemmaProcess.Run("diff", a, folder.File("none.safetensors")).AssertRefused(4, "none.safetensors");
        GemmaProcess.Run("trace", "Hi", "--output", "/no/such/folder/t.safetensors").AssertRefused(1, "/no/such/folder");
    }

    [Fact]
    public void Bench_Demo_MeasuresEverything()
    {
        GemmaResult result = GemmaProcess.Run("bench", "--prompt-tokens", "20", "--answer-tokens", "3", "--image", "--audio", "--repetitions", "1", "--json");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal("gemma-3n-demo", json.RootElement.GetProperty("model").GetString());
        Assert.Equal("bf16", json.RootElement.GetProperty("format").GetString());
        Assert.True(json.RootElement.GetProperty("prefill").GetProperty("tokens_per_second").GetDouble() > 0);
        Assert.True(json.RootElement.GetProperty("decode").GetProperty("of_read_bandwidth").GetDouble() > 0);
        Assert.Equal("128 × 128", json.RootElement.GetProperty("image").GetProperty("input").GetString());
        Assert.True(json.RootElement.GetProperty("audio").GetProperty("seconds").GetDouble() > 0);
        Assert.Contains("tokens/s", GemmaProcess.Run("bench", "--prompt-tokens", "5", "--answer-tokens", "2", "--repetitions", "1").Output, StringComparison.Ordinal);
        GemmaResult talks = GemmaProcess.Run(
            "bench", "--prompt-tokens", "40", "--answer-tokens", "3", "--conversations", "1,3", "--prefix", "--repetitions", "1");
        Assert.Contains("3 at once, 3 tokens each", talks.Output, StringComparison.Ordinal);
        Assert.Contains("first token of 40, known", talks.Output, StringComparison.Ordinal);
        GemmaProcess.Run("bench", "--conversations", "1,,2").AssertRefused(2, "--conversations", "256");
        GemmaProcess.Run("bench", "--conversations", "0").AssertRefused(2, "--conversations has 0");
        GemmaProcess.Run("bench", "--synthetic", "e3b").AssertRefused(2, "e3b");
        GemmaProcess.Run("bench", "--layers", "10").AssertRefused(2, "--synthetic");
        GemmaProcess.Run("bench", "--prompt-tokens", "100000").AssertRefused(2, "4096");
    }

    [Fact]
    public void Help_EveryCommand_HasExamples()
    {
        foreach (string command in (string[])["run", "chat", "inspect", "verify", "tokenize", "trace", "diff", "bench"])
        {
            GemmaResult result = GemmaProcess.Run(command, "--help");
            Assert.Equal((0, ""), (result.ExitCode, result.Error));
            Assert.Contains("  gemma " + command, result.Output[result.Output.IndexOf("Examples:\n", StringComparison.Ordinal)..], StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Trace_OnlyThatFitsNothing_IsRefusedAndWritesNoFile()
    {
        using var folder = new TemporaryFolder();
        string file = folder.File("nothing.safetensors");
        GemmaResult result = GemmaProcess.Run("trace", "Hello", "--output", file, "--only", "nothing.*");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("nothing.*", result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(file));
    }
}

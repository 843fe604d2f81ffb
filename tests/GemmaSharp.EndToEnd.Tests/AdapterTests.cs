using System.Text.Json;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>LoRA adapters from the command line.</summary>
public sealed class AdapterTests : IDisposable
{
    readonly TinyCheckpoint _tiny = TinyCheckpoint.Create("tiny-c");
    readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _tiny.Dispose();
    }

    [Theory]
    [InlineData("peft")]
    [InlineData("rslora")]
    public void Run_RecordedAdapter_ChoosesTheReferencesTokens(string name) =>
        Assert.Equal(Greedy($"lora/{name}/goldens/text-long"), Run($"lora/{name}/goldens/text-long", "--adapter", Adapter(name)));

    [Fact]
    public void Run_WeightZero_IsTheBase() =>
        Assert.Equal(Greedy("tiny-c/goldens/text-long"), Run("tiny-c/goldens/text-long", "--adapter", Adapter("peft") + "=0", "--adapter", Adapter("rslora") + "=0.0"));

    [Fact]
    public void Run_FolderWithASignInItsName_IsThatFolder()
    {
        string odd = _folder.File("a=1");
        Directory.CreateDirectory(odd);
        foreach (string file in Directory.EnumerateFiles(Adapter("peft")))
        {
            File.Copy(file, Path.Combine(odd, Path.GetFileName(file)));
        }

        Assert.Equal(Greedy("lora/peft/goldens/text-long"), Run("lora/peft/goldens/text-long", "--adapter", odd));
        Assert.Equal(Greedy("tiny-c/goldens/text-long"), Run("tiny-c/goldens/text-long", "--adapter", odd + "=0"));
    }

    [Fact]
    public void Run_TwoAdaptersThatCancel_AreTheBase() =>
        Assert.Equal(Greedy("tiny-c/goldens/text-long"), Run("tiny-c/goldens/text-long", "--adapter", Adapter("peft") + "=0.5", "--adapter", Adapter("peft") + "=-0.5"));

    [Fact]
    public void Trace_RecordedAdapter_IsTheReferences()
    {
        string trace = _folder.File("trace.safetensors");
        GemmaResult result = GemmaProcess.Run("trace", "--model", _tiny.Folder, "--messages", Messages("lora/peft/goldens/text-long"), "--adapter", Adapter("peft"), "--output", trace, "--quiet");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Golden expected = Golden.Load("lora/peft/goldens/text-long.safetensors"), actual = Golden.Load(trace);
        int compared = 0;
        foreach (string key in actual.Keys.Where(key => expected.Contains(key) && key.StartsWith("language_model.", StringComparison.Ordinal)))
        {
            expected.AssertClose(key, actual.Values(key));
            compared++;
        }

        Assert.True(compared > 20);
    }

    [Fact]
    public void Bench_Adapter_IsNamedWithTheModel()
    {
        GemmaResult result = GemmaProcess.Run(
            "bench", "--model", _tiny.Folder, "--adapter", Adapter("peft"), "--adapter", Adapter("rslora") + "=0.5", "--prompt-tokens", "8", "--answer-tokens", "2", "--repetitions", "1", "--json");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.EndsWith(" + peft + rslora", json.RootElement.GetProperty("model").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_Adapter_TellsWhetherItFits()
    {
        GemmaResult fits = GemmaProcess.Run("verify", "--model", _tiny.Folder, "--adapter", Adapter("peft"), "--json");
        Assert.Equal((0, ""), (fits.ExitCode, fits.Error));
        using (JsonDocument json = JsonDocument.Parse(fits.Output))
        {
            Assert.Equal(0, json.RootElement.GetProperty("errors").GetInt32());
            Assert.Equal(100, json.RootElement.GetProperty("used_tensors").GetInt32());
        }

        GemmaResult foreign = GemmaProcess.Run("verify", "--adapter", Adapter("peft"));
        Assert.Equal(3, foreign.ExitCode);
        Assert.Contains("the adapter was made for another base", foreign.Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Contains("The adapter cannot be used with this checkpoint.", foreign.Output, StringComparison.Ordinal);
        GemmaProcess.Run("run", "Hello", "--adapter", Adapter("peft")).AssertRefused(3, "does not fit its base", "gemma verify --adapter");
    }

    [Fact]
    public void Run_AdapterThatIsNone_IsRefused()
    {
        GemmaProcess.Run("run", "Hello", "--adapter", _folder.File("nothing")).AssertRefused(3, "There is no folder", "adapter_config.json");
        GemmaProcess.Run("run", "Hello", "--adapter", _folder.Path).AssertRefused(3, "no adapter_config.json");
        GemmaProcess.Run("run", "Hello", "--adapter", Adapter("peft") + "=much").AssertRefused(2, "has the weight much", "=0.5");
        GemmaProcess.Run("run", "Hello", "--adapter").AssertRefused(2, "--adapter has no value");
    }

    int[] Run(string recorded, params string[] arguments)
    {
        GemmaResult result = GemmaProcess.Run(
            ["run", "--model", _tiny.Folder, "--messages", Messages(recorded), "--temperature", "0", "--max-tokens", "24", "--ignore-eos", "--json", "--quiet", .. arguments]);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        return [.. json.RootElement.GetProperty("token_ids").EnumerateArray().Select(id => id.GetInt32())];
    }

    string Messages(string recorded)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find(recorded + ".json")));
        string path = _folder.File("messages.json");
        File.WriteAllText(path, json.RootElement.GetProperty("messages").GetRawText());
        return path;
    }

    static int[] Greedy(string recorded)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find(recorded + ".json")));
        return [.. json.RootElement.GetProperty("greedy").EnumerateArray().Select(id => id.GetInt32())];
    }

    static string Adapter(string name) => Path.GetDirectoryName(GoldenFiles.Find($"lora/{name}/adapter_config.json"))!;
}

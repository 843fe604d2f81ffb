namespace GemmaSharp.EndToEnd.Tests;

/// <summary>What users give by mistake: one sentence on standard error, the right exit code, nothing on standard output.</summary>
public class RefusedInputTests
{
    const int Failed = 1, Usage = 2, Checkpoint = 3, Input = 4;

    [Fact]
    public void Model_MissingFolder_ExitsWith3() =>
        GemmaProcess.Run("run", "Hi", "--model", "/no/such/folder").AssertRefused(Checkpoint, "/no/such/folder");

    [Fact]
    public void Model_FolderWithoutCheckpoint_ExitsWith3()
    {
        using var folder = new TemporaryFolder();
        GemmaProcess.Run("run", "Hi", "--model", folder.Path).AssertRefused(Checkpoint, folder.Path, "safetensors");
    }

    [Fact]
    public void Model_NotInTheHubCache_ExitsWith3AndSaysHowToGetIt()
    {
        using var folder = new TemporaryFolder();
        GemmaResult result = GemmaProcess.Shell($"HF_HUB_CACHE={folder.Path} $GEMMA run Hi --model google/gemma-3n-E2B-it");
        result.AssertRefused(Checkpoint, "google/gemma-3n-E2B-it", folder.Path, "download");
    }

    [Fact]
    public void Model_GgufFile_ExitsWith3AndNamesIt()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("model.gguf", "GGUF\u0003\0\0\0 and so on");
        GemmaProcess.Run("run", "Hi", "--model", file).AssertRefused(Checkpoint, "model.gguf", "GGUF", "download it again");
        GemmaProcess.Run("run", "Hi", "--model", folder.Path).AssertRefused(Checkpoint, "model.gguf", "GGUF", "download it again");
    }

    [Fact]
    public void Model_PyTorchFile_ExitsWith3AndNamesIt()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("pytorch_model.bin", "PK\u0003\u0004 and so on");
        GemmaProcess.Run("run", "Hi", "--model", file).AssertRefused(Checkpoint, "PyTorch", "safetensors");
        GemmaProcess.Run("run", "Hi", "--model", folder.Path).AssertRefused(Checkpoint, "PyTorch", "safetensors");
    }

    [Theory]
    [InlineData("gemma3")]
    [InlineData("gemma4")]
    [InlineData("llama")]
    public void Model_AnotherModelType_ExitsWith3AndNamesIt(string type)
    {
        using var folder = new TemporaryFolder();
        Demo.CopyConfiguration(folder.Path);
        string config = File.ReadAllText(folder.File("config.json"));
        folder.Write("config.json", config.Replace("\"model_type\": \"gemma3n\"", $"\"model_type\": \"{type}\"", StringComparison.Ordinal));
        File.Copy(Path.Combine(Demo.Folder, "model.safetensors"), folder.File("model.safetensors"));
        GemmaProcess.Run("run", "Hi", "--model", folder.Path).AssertRefused(Checkpoint, type);
    }

    [Fact]
    public void Model_TruncatedWeights_ExitsWith3()
    {
        using var folder = new TemporaryFolder();
        Demo.CopyConfiguration(folder.Path);
        using (FileStream source = File.OpenRead(Path.Combine(Demo.Folder, "model.safetensors")))
        using (FileStream target = File.Create(folder.File("model.safetensors")))
        {
            byte[] half = new byte[source.Length / 2];
            source.ReadExactly(half);
            target.Write(half);
        }

        GemmaProcess.Run("run", "Hi", "--model", folder.Path).AssertRefused(Checkpoint, "model.safetensors");
    }

    [Fact]
    public void Prompt_LongerThanTheContext_ExitsWith1()
    {
        string prompt = string.Concat(Enumerable.Repeat("What is 8 + 9? ", 1000));
        GemmaProcess.RunWith(prompt, "run").AssertRefused(Failed, "tokens", "context");
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t ")]
    public void Prompt_Empty_ExitsWith2(string prompt)
    {
        GemmaProcess.Run("run", prompt).AssertRefused(Usage, "empty");
        GemmaProcess.RunWith(prompt, "run").AssertRefused(Usage, "empty");
    }

    [Fact]
    public void Option_Unknown_ExitsWith2AndSuggestsTheNearest() =>
        GemmaProcess.Run("run", "Hi", "--temprature", "1").AssertRefused(Usage, "--temprature", "--temperature");

    [Fact]
    public void Command_UnknownOrNone_ExitsWith2()
    {
        GemmaProcess.Run("runn", "Hi").AssertRefused(Usage, "runn", "did you mean run?");
        GemmaProcess.Run().AssertRefused(Usage, "--help");
    }

    [Theory]
    [InlineData("--temperature", "-1")]
    [InlineData("--temperature", "warm")]
    [InlineData("--temperature", "NaN")]
    [InlineData("--top-k", "-1")]
    [InlineData("--top-p", "0")]
    [InlineData("--top-p", "1.5")]
    [InlineData("--min-p", "2")]
    [InlineData("--repetition-penalty", "0")]
    [InlineData("--max-tokens", "0")]
    [InlineData("--seed", "-5")]
    [InlineData("--threads", "0")]
    [InlineData("--image-size", "300")]
    public void Option_ValueOutOfRange_ExitsWith2AndNamesIt(string option, string value) =>
        GemmaProcess.Run("run", "Hi", option, value).AssertRefused(Usage, option, value);

    [Fact]
    public void Save_UnwritablePath_ExitsWith1BeforeGenerating()
    {
        GemmaProcess.Run("run", "Hi", "--save", "/no/such/folder/chat.json").AssertRefused(Failed, "/no/such/folder/chat.json");
        GemmaProcess.Run("run", "Hi", "--save", Path.GetTempPath()).AssertRefused(Failed, "folder");
    }

    [Fact]
    public void Files_MissingOrOfAnotherKind_ExitWith4()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("notes.txt", "no picture");
        GemmaProcess.Run("run", "Hi", "--image", folder.File("none.png")).AssertRefused(Input, "none.png");
        GemmaProcess.Run("run", "Hi", "--image", text).AssertRefused(Input, "notes.txt");
        GemmaProcess.Run("run", "Hi", "--audio", text).AssertRefused(Input, "notes.txt");
        GemmaProcess.Run("run", "--prompt", "@" + folder.File("none.txt")).AssertRefused(Input, "none.txt");
        GemmaProcess.Run("run", "--messages", text).AssertRefused(Input, "notes.txt", "JSON");
        GemmaProcess.Run("run", "Hi", "--image", "https://example.com/cat.png").AssertRefused(Input, "example.com");
    }

    [Fact]
    public void Files_WithoutTheirTower_ExitWith4()
    {
        GemmaProcess.Run("run", "Hi", "--image", Demo.Golden("image-00.png"), "--no-vision").AssertRefused(Input, "picture", "vision tower");
        GemmaProcess.Run("run", "Hi", "--audio", Demo.Golden("audio-00.wav"), "--no-audio").AssertRefused(Input, "sound", "audio tower");
        GemmaProcess.RunWith($"/image {Demo.Golden("image-00.png")}\n", "chat", "--no-vision").AssertRefused(Input, "picture", "vision tower");
    }

    [Fact]
    public void Messages_OfAnUnknownRole_ExitWith4()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("roles.json", """[{"role": "user", "content": "a"}, {"role": "narrator", "content": "b"}]""");
        GemmaProcess.Run("run", "--messages", file).AssertRefused(Input, "narrator");
    }

    [Fact]
    public void Messages_RolesThatDoNotAlternate_AreAnswered()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("twice.json", """[{"role": "user", "content": "What is the capital"}, {"role": "user", "content": "of Peru?"}]""");
        Assert.Equal(0, GemmaProcess.Run("run", "--messages", file, "--max-tokens", "8").ExitCode);
    }

    [Fact]
    public void Error_Verbose_ShowsWhere()
    {
        GemmaResult result = GemmaProcess.Run("run", "Hi", "--model", "/no/such/folder", "--verbose");
        Assert.Equal(Checkpoint, result.ExitCode);
        Assert.Contains("   at GemmaSharp.", result.Error, StringComparison.Ordinal);
    }
}

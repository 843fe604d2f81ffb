using System.Text.Json;

namespace GemmaSharp.EndToEnd.Tests;

public class RunTests
{
    [Fact]
    public void Run_Question_PrintsTheAnswerAlone() =>
        Assert.Equal(new GemmaResult(0, "The capital of Peru is Lima.\n", ""), GemmaProcess.Run("run", "What is the capital of Peru?", "--temperature", "0"));

    [Fact]
    public void Run_Json_IsOneObjectWithTheWholeResult()
    {
        GemmaResult result = GemmaProcess.Run("run", "What is 8 + 9?", "--temperature", "0", "--json");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(1, result.Output.Count(c => c == '\n'));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal("8 plus 9 is 17.", json.RootElement.GetProperty("text").GetString());
        Assert.Equal([283, 454, 340, 284, 347, 340, 276, 282, 274, 6], Ids(json));
        Assert.Equal(17, json.RootElement.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(10, json.RootElement.GetProperty("answer_tokens").GetInt32());
        Assert.Equal("end_of_turn", json.RootElement.GetProperty("stop_reason").GetString());
        Assert.True(json.RootElement.GetProperty("timings").GetProperty("time_to_first_token_seconds").GetDouble() > 0);
    }

    [Fact]
    public void Run_PromptFromStdinFileAndMessages_GiveTheSameAnswer()
    {
        using var folder = new TemporaryFolder();
        const string Prompt = "Name the capital of Belgium.";
        string expected = GemmaProcess.Run("run", Prompt, "--temperature", "0").Output;
        Assert.Equal("The capital of Belgium is Brussels.\n", expected);
        Assert.Equal(expected, GemmaProcess.RunWith(Prompt + "\n", "run", "--temperature", "0").Output);
        Assert.Equal(expected, GemmaProcess.RunWith(Prompt, "run", "-", "--temperature", "0").Output);
        Assert.Equal(expected, GemmaProcess.Run("run", "--prompt", "@" + folder.Write("prompt.txt", Prompt), "--temperature", "0").Output);
        string messages = folder.Write("messages.json", $$"""[{"role": "user", "content": "{{Prompt}}"}]""");
        Assert.Equal(expected, GemmaProcess.Run("run", "--messages", messages, "--temperature", "0").Output);
    }

    [Fact]
    public void Run_MessagesWithMedia_FindsThemBesideTheFile()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Demo.Golden("both-00.png"), folder.File("a picture.png"));
        File.Copy(Demo.Golden("both-00.wav"), folder.File("question.wav"));
        string messages = folder.Write("case.json", """
            [{"role": "user", "content": [
              {"type": "image", "image": "a picture.png"}, {"type": "audio", "audio": "./question.wav"}, {"type": "text", "text": "Answer the spoken question."}]}]
            """);
        GemmaResult result = GemmaProcess.Run("run", "--messages", messages, "--temperature", "0", "--max-tokens", "24", "--json");
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal([542, 494, 583, 342, 498, 413, 398, 535, 494, 422, 424, 409, 384, 503, 364, 342, 415, 377, 6], Ids(json));
        Assert.Equal(281, json.RootElement.GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public void Run_PictureAndSound_AreSeenAndHeard()
    {
        Assert.Equal("The number is 5.\n", GemmaProcess.Run("run", "--image", Demo.Golden("image-00.png"), "Which digits do you see?", "--temperature", "0").Output);
        Assert.Equal("five nine seven six\n", GemmaProcess.Run("run", "--audio", Demo.Golden("audio-00.wav"), "Transcribe this audio.", "--temperature", "0").Output);
    }

    [Fact]
    public void Run_IgnoreEos_RunsToTheLimit()
    {
        GemmaResult result = GemmaProcess.Run("run", "What is 8 + 9?", "--temperature", "0", "--max-tokens", "24", "--ignore-eos", "--json");
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal(24, Ids(json).Length);
        Assert.Equal("max_tokens", json.RootElement.GetProperty("stop_reason").GetString());
    }

    [Fact]
    public void Run_SameSeed_SameTokensOnAnyNumberOfThreads()
    {
        string[] arguments = ["run", "Tell me something.", "--temperature", "2", "--top-k", "0", "--top-p", "1", "--max-tokens", "30", "--json", "--seed"];
        int[] one = Ids(GemmaProcess.Run([.. arguments, "42", "--threads", "1"])), two = Ids(GemmaProcess.Run([.. arguments, "42", "--threads", "2"]));
        Assert.Equal(one, two);
        Assert.NotEqual(one, Ids(GemmaProcess.Run([.. arguments, "43"])));
    }

    [Fact]
    public void Run_StopText_EndsBeforeIt()
    {
        GemmaResult result = GemmaProcess.Run("run", "What is the capital of Peru?", "--temperature", "0", "--stop", " is");
        Assert.Equal("The capital of Peru\n", result.Output);
    }

    [Fact]
    public void Run_Logprobs_AreWithEachToken()
    {
        GemmaResult result = GemmaProcess.Run("run", "What is 8 + 9?", "--temperature", "0", "--logprobs", "3", "--json");
        using JsonDocument json = JsonDocument.Parse(result.Output);
        JsonElement logprobs = json.RootElement.GetProperty("logprobs");
        Assert.Equal(Ids(json), logprobs.EnumerateArray().Select(token => token.GetProperty("id").GetInt32()));
        Assert.All(logprobs.EnumerateArray(), token => Assert.Equal(3, token.GetProperty("top").GetArrayLength()));
    }

    [Fact]
    public void Run_Save_CanBeGoneOnFrom()
    {
        using var folder = new TemporaryFolder();
        string file = folder.File("chat.json");
        Assert.Equal(0, GemmaProcess.Run("run", "What is the capital of Peru?", "--system", "Be brief.", "--temperature", "0", "--save", file).ExitCode);
        using (JsonDocument saved = JsonDocument.Parse(File.ReadAllText(file)))
        {
            Assert.Equal(["system", "user", "assistant"], saved.RootElement.EnumerateArray().Select(message => message.GetProperty("role").GetString()));
        }

        Assert.Equal("The capital of Belgium is Brussels.\n", GemmaProcess.Run("run", "--messages", file, "Name the capital of Belgium.", "--temperature", "0").Output);
    }

    [Fact]
    public void Run_DiskFullWhileSaving_KeepsWhatWasThere()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Needs a shell that limits file sizes.");
        using var folder = new TemporaryFolder();
        string file = folder.Write("chat.json", "[]");
        string prompt = folder.Write("prompt.txt", string.Concat(Enumerable.Repeat("What is 8 + 9? ", 100)));

        // The limit stands in for a full disk; the runtime must not map its code through files meanwhile.
        GemmaResult result = GemmaProcess.Shell(
            $"trap '' XFSZ; ulimit -f 1; DOTNET_EnableWriteXorExecute=0 DOTNET_EnableDiagnostics=0 $GEMMA run --prompt @{prompt} --max-tokens 4 --temperature 0 --save {file}");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(file, result.Error, StringComparison.Ordinal);
        Assert.NotEqual("", result.Output);
        Assert.Equal("[]", File.ReadAllText(file));
        Assert.Equal(["chat.json", "prompt.txt"], Directory.EnumerateFiles(folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Run_ClosedOutput_EndsQuietly()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Needs a shell.");
        GemmaResult result = GemmaProcess.Shell("$GEMMA run 'Tell me something.' --ignore-eos --max-tokens 3000 --stop zzz | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}");
        Assert.Equal((0, "0\n", ""), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public void Run_Interrupted_ExitsWith130AndKeepsWhatCame()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Needs a shell that sends signals.");
        using var folder = new TemporaryFolder();
        string file = folder.File("chat.json");
        GemmaResult result = GemmaProcess.Shell(
            $$"""
            set -m
            "$GEMMA" run 'Tell me something.' --ignore-eos --seed 1 --save {{file}} > {{folder.File("out")}} &
            for i in $(seq 600); do [ -s {{folder.File("out")}} ] && break; sleep 0.1; done
            kill -INT $!
            wait $!
            echo $?
            """);
        Assert.Equal("130\n", result.Output);
        using JsonDocument saved = JsonDocument.Parse(File.ReadAllText(file));
        Assert.Equal(File.ReadAllText(folder.File("out")).TrimEnd('\n'), saved.RootElement[1].GetProperty("content").GetString()!.TrimEnd('\n'));
    }

    [Fact]
    public void Run_InterruptedWithJson_PrintsWhatCame()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Needs a shell that sends signals.");
        using var folder = new TemporaryFolder();
        GemmaResult result = GemmaProcess.Shell(
            $$"""
            set -m
            "$GEMMA" run 'Tell me something.' --ignore-eos --seed 1 --json --verbose > {{folder.File("out")}} 2> {{folder.File("err")}} &
            for i in $(seq 600); do [ -s {{folder.File("err")}} ] && break; sleep 0.1; done
            sleep 1
            kill -INT $!
            wait $!
            echo $?
            """);
        Assert.Equal("130\n", result.Output);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(folder.File("out")));
        Assert.Equal("interrupted", json.RootElement.GetProperty("stop_reason").GetString());
        Assert.Equal(json.RootElement.GetProperty("answer_tokens").GetInt32(), json.RootElement.GetProperty("token_ids").GetArrayLength());
    }

    static int[] Ids(GemmaResult result)
    {
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        return Ids(json);
    }

    static int[] Ids(JsonDocument json) => [.. json.RootElement.GetProperty("token_ids").EnumerateArray().Select(id => id.GetInt32())];
}

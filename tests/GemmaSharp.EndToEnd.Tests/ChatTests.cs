using System.Diagnostics;
using System.Text.Json;

namespace GemmaSharp.EndToEnd.Tests;

public class ChatTests
{
    [Fact]
    public void Chat_Piped_AnswersEachLine()
    {
        GemmaResult result = GemmaProcess.RunWith("What is 8 + 9?\n\nWhat is the capital of Peru?\n/exit\nnever read\n", "chat", "--temperature", "0");
        Assert.Equal(new GemmaResult(0, "8 plus 9 is 17.\nThe capital of Peru is Lima.\n", ""), result);
    }

    [Fact]
    public void Chat_Commands_AttachSaveAndLoad()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Demo.Golden("image-00.png"), folder.File("my picture.png"));
        string saved = folder.File("saved chat.json");
        GemmaResult result = GemmaProcess.RunWith(
            $"""
            /system Be brief.
            /image {folder.File("my picture.png")}
            Which digits do you see?
            /save "{saved}"
            /reset
            /load '{saved}'
            What is 8 + 9?
            /stats
            """, "chat", "--temperature", "0");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        string next = GemmaProcess.Run("run", "--messages", saved, "What is 8 + 9?", "--temperature", "0").Output;
        Assert.StartsWith("The number is 5.\n" + next, result.Output, StringComparison.Ordinal);
        Assert.Contains("tokens/s", result.Output, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(saved));
        Assert.Equal(["system", "user", "assistant"], json.RootElement.EnumerateArray().Select(message => message.GetProperty("role").GetString()));
        Assert.Equal("my picture.png", json.RootElement[1].GetProperty("content")[0].GetProperty("image").GetString());
    }

    [Fact]
    public async Task Chat_InputStillOpen_ShowsEverythingAtOnce()
    {
        using Process chat = GemmaProcess.Start("chat", "--temperature", "0");
        await chat.StandardInput.WriteLineAsync("/stats");
        Assert.StartsWith("messages", await ReadLineAsync(chat), StringComparison.Ordinal);
        await chat.StandardInput.WriteLineAsync("What is 8 + 9?");
        string? line = "";
        while (line is not (null or "8 plus 9 is 17."))
        {
            line = await ReadLineAsync(chat);
        }

        Assert.NotNull(line);
        chat.StandardInput.Close();
        await chat.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, chat.ExitCode);
    }

    [Fact]
    public void Chat_Mistakes_AreToldAndTheChatGoesOn()
    {
        GemmaResult result = GemmaProcess.RunWith("/image none.png\n/imagine\n/save\nWhat is 8 + 9?\n", "chat", "--temperature", "0");
        Assert.Equal((4, "8 plus 9 is 17.\n"), (result.ExitCode, result.Output));
        Assert.Equal(3, result.Error.Count(c => c == '\n'));
    }

    [Fact]
    public void Chat_Save_IsUpToDateAfterEveryAnswer()
    {
        using var folder = new TemporaryFolder();
        string file = folder.File("chat.json");
        Assert.Equal(0, GemmaProcess.RunWith("What is 8 + 9?\n", "chat", "--temperature", "0", "--save", file).ExitCode);
        GemmaResult result = GemmaProcess.RunWith("What is the capital of Peru?\n", "chat", "--temperature", "0", "--load", file, "--save", file);
        Assert.Equal("The capital of Peru is Lima.\n", result.Output);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(file));
        Assert.Equal(4, json.RootElement.GetArrayLength());
    }

    [Fact]
    public void Chat_SoundOfSeveralClips_IsSavedAsTheOneFileItIs()
    {
        using var folder = new TemporaryFolder();
        WriteSilence(folder.File("long.wav"), seconds: 31);
        string file = folder.File("chat.json");
        string lines = $"/audio {folder.File("long.wav")}\nTranscribe this audio.\n/stats\n/load {file}\n/stats\n";
        GemmaResult first = GemmaProcess.RunWith(lines, "chat", "--temperature", "0", "--max-tokens", "4", "--save", file);
        Assert.Equal(0, first.ExitCode);
        Assert.Equal(2, first.Error.Split("2 clips").Length - 1);
        Assert.Equal(2, first.Output.Split("messages             2").Length - 1);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(file));
        JsonElement[] parts = [.. json.RootElement[0].GetProperty("content").EnumerateArray()];
        Assert.Equal(["audio", "text"], parts.Select(part => part.GetProperty("type").GetString()));
        Assert.Equal("long.wav", parts[0].GetProperty("audio").GetString());
    }

    [Fact]
    public void Chat_QuestionThatCannotBeAnswered_IsNotPartOfTheConversation()
    {
        string tooLong = string.Concat(Enumerable.Repeat("What is 8 + 9? ", 1000));
        GemmaResult result = GemmaProcess.RunWith($"{tooLong}\nWhat is 8 + 9?\n", "chat", "--temperature", "0");
        Assert.Equal((1, "8 plus 9 is 17.\n"), (result.ExitCode, result.Output));
        Assert.Contains("context", result.Error, StringComparison.Ordinal);
    }

    static void WriteSilence(string path, int seconds)
    {
        const int Rate = 16_000, Header = 44;
        byte[] wav = new byte[Header + 2 * Rate * seconds];
        "RIFF"u8.CopyTo(wav);
        BitConverter.TryWriteBytes(wav.AsSpan(4), wav.Length - 8);
        "WAVEfmt "u8.CopyTo(wav.AsSpan(8));
        BitConverter.TryWriteBytes(wav.AsSpan(16), 16);
        BitConverter.TryWriteBytes(wav.AsSpan(20), (short)1);
        BitConverter.TryWriteBytes(wav.AsSpan(22), (short)1);
        BitConverter.TryWriteBytes(wav.AsSpan(24), Rate);
        BitConverter.TryWriteBytes(wav.AsSpan(28), 2 * Rate);
        BitConverter.TryWriteBytes(wav.AsSpan(32), (short)2);
        BitConverter.TryWriteBytes(wav.AsSpan(34), (short)16);
        "data"u8.CopyTo(wav.AsSpan(36));
        BitConverter.TryWriteBytes(wav.AsSpan(40), wav.Length - Header);
        File.WriteAllBytes(path, wav);
    }

    static Task<string?> ReadLineAsync(Process process) =>
        process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
}

using System.Buffers.Binary;
using System.Text.Json;
using GemmaSharp.Media;
using SkiaSharp;

namespace GemmaSharp.Cli.Tests.Plots;

public sealed class PlotCommandTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Look_DrawsEachFile_AndSaysWhere()
    {
        string picture = Write("cat.png", ImageWriter.ToPng(new RgbImage(30, 20, new byte[1800]))), sound = Write("hum.wav", Wave(seconds: 2));
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "look", picture, sound, picture, "--output", File("seen"));
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
        string[] drawn = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["cat.look.png", "hum.look.png", "cat.look-2.png"], drawn.Select(Path.GetFileName));
        Assert.All(drawn, file => Assert.True(IsDrawn(file), file));
    }

    [Fact]
    public async Task Look_LongSound_IsAFileForEachClip()
    {
        string sound = Write("long.wav", Wave(seconds: 40));
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "look", sound, "-o", File("a.png"), "--json");
        Assert.Equal(ExitCode.Done, exitCode);
        Assert.Contains("2 clips", error, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal(
            [("audio", File("a.png")), ("audio", File("a-2.png"))],
            json.RootElement.EnumerateArray().Select(each => (each.GetProperty("kind").GetString(), each.GetProperty("output").GetString()!)));
        Assert.True(IsDrawn(File("a.png")) && IsDrawn(File("a-2.png")));
    }

    [Theory]
    [InlineData("notes.txt", "cat, dog and mouse")]
    [InlineData("nothing.png", "")]
    public async Task Look_WhatIsNoMedium_IsRefused(string name, string content)
    {
        string file = Write(name, System.Text.Encoding.UTF8.GetBytes(content));
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "look", file);
        Assert.Equal((ExitCode.InputRefused, ""), (exitCode, output));
        Assert.Contains(file, error, StringComparison.Ordinal);
        Assert.Contains("give pictures, sounds or videos", error, StringComparison.Ordinal);
        (exitCode, _, error) = await TestConsole.RunAsync("", "look", File("none.png"));
        Assert.Equal(ExitCode.InputRefused, exitCode);
        Assert.Contains("does not exist", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InspectAndDiff_Draw()
    {
        string bytes = File("bytes.png"), depth = File("depth.png"), a = File("a.safetensors"), b = File("b.safetensors");
        Assert.Equal(ExitCode.Done, (await TestConsole.RunAsync("", "inspect", "--plot", bytes)).ExitCode);
        Assert.True(IsDrawn(bytes));
        Assert.Equal(ExitCode.Done, (await TestConsole.RunAsync("", "trace", "Hello", "-o", a, "--quiet")).ExitCode);
        Assert.Equal(ExitCode.Done, (await TestConsole.RunAsync("", "trace", "Hallo", "-o", b, "--quiet")).ExitCode);
        Assert.Equal(ExitCode.Done, (await TestConsole.RunAsync("", "diff", a, a, "--plot", depth)).ExitCode);
        byte[] equal = System.IO.File.ReadAllBytes(depth);
        await TestConsole.RunAsync("", "diff", a, b, "--plot", depth);
        Assert.True(IsDrawn(depth));
        Assert.NotEqual(equal, System.IO.File.ReadAllBytes(depth));
        (int exitCode, _, string error) = await TestConsole.RunAsync("", "inspect", "--plot", Path.Combine(File("none"), "a.png"));
        Assert.Equal(ExitCode.Failed, exitCode);
        Assert.NotEmpty(error);
    }

    string File(string name) => Path.Combine(_folder.FullName, name);

    string Write(string name, byte[] bytes)
    {
        System.IO.File.WriteAllBytes(File(name), bytes);
        return File(name);
    }

    static bool IsDrawn(string file)
    {
        using SKBitmap? bitmap = SKBitmap.Decode(file);
        return bitmap is { Width: > 400, Height: > 200 } && bitmap.Pixels.Distinct().Count() > 20;
    }

    /// <summary>A tone of 440 Hz with a pause each second, 8 kHz, 16 bits.</summary>
    static byte[] Wave(int seconds)
    {
        const int Rate = 8000;
        byte[] wave = new byte[44 + (seconds * Rate * 2)];
        "RIFF"u8.CopyTo(wave);
        BinaryPrimitives.WriteInt32LittleEndian(wave.AsSpan(4), wave.Length - 8);
        "WAVEfmt "u8.CopyTo(wave.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(wave.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(wave.AsSpan(20), 1);
        BinaryPrimitives.WriteInt16LittleEndian(wave.AsSpan(22), 1);
        BinaryPrimitives.WriteInt32LittleEndian(wave.AsSpan(24), Rate);
        BinaryPrimitives.WriteInt32LittleEndian(wave.AsSpan(28), Rate * 2);
        BinaryPrimitives.WriteInt16LittleEndian(wave.AsSpan(32), 2);
        BinaryPrimitives.WriteInt16LittleEndian(wave.AsSpan(34), 16);
        "data"u8.CopyTo(wave.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(wave.AsSpan(40), wave.Length - 44);
        for (int i = 0; i < seconds * Rate; i++)
        {
            BinaryPrimitives.WriteInt16LittleEndian(wave.AsSpan(44 + (2 * i)), i % Rate < 800 ? (short)0 : (short)(8000 * Math.Sin(2 * Math.PI * 440 * i / Rate)));
        }

        return wave;
    }
}

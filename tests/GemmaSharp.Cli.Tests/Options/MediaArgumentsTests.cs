using System.Buffers.Binary;

namespace GemmaSharp.Cli.Tests.Options;

public sealed class MediaArgumentsTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Silence of 8 bits and 1000 Hz.</summary>
    string Silence(int seconds)
    {
        byte[] file = [.. "RIFF\0\0\0\0WAVEfmt \u0010\0\0\0\u0001\0\u0001\0"u8, .. new byte[8], 1, 0, 8, 0, .. "data"u8, .. new byte[4]];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(24), 1000);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(28), 1000);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(40), seconds * 1000);
        string path = Path.Combine(_folder.FullName, "silence.wav");
        File.WriteAllBytes(path, [.. file, .. Enumerable.Repeat((byte)128, seconds * 1000)]);
        return path;
    }

    Task<(int ExitCode, string Output, string Error)> RunAsync(int seconds, params string[] options) =>
        TestConsole.RunAsync("", ["run", "--audio", Silence(seconds), "Transcribe this audio.", "--temperature", "0", "--max-tokens", "4", .. options]);

    [Fact]
    public async Task Run_LongRecording_HearsThePiece()
    {
        (int exitCode, _, string error) = await RunAsync(3900, "--audio-start", "3600", "--audio-length", "2");
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
    }

    [Theory]
    [InlineData(3900, "65 min 0 s long and 60 min 0 s are allowed", "--max-audio")]
    [InlineData(20, "20 s long and 10.5 s are allowed", "--max-audio", "--max-audio", "10.5")]
    [InlineData(20, "The piece of silence.wav is 12 s long", "--max-audio", "--max-audio", "10", "--audio-start", "8", "--audio-length", "100")]
    [InlineData(20, "20044 bytes and 10240 are allowed", "--max-file", "--max-file", "10KiB")]
    public async Task Run_TooMuch_NamesTheOptionThatHelps(int seconds, string found, string option, params string[] options)
    {
        (int exitCode, _, string error) = await RunAsync(seconds, options);
        Assert.Equal(ExitCode.InputRefused, exitCode);
        Assert.Contains(found, error, StringComparison.Ordinal);
        Assert.Contains("(" + option + ")", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_LimitsRaised_AreHeeded()
    {
        (int exitCode, _, string error) = await RunAsync(20, "--max-audio", "20", "--max-file", "20044", "--quiet");
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
    }

    [Theory]
    [InlineData("--max-audio", "0")]
    [InlineData("--max-audio", "long")]
    [InlineData("--max-file", "big")]
    public async Task Run_LimitThatIsNone_IsRefused(string option, string value) =>
        Assert.Equal(ExitCode.Usage, (await RunAsync(1, option, value)).ExitCode);

    /// <summary>A black picture that is transparent throughout.</summary>
    string Clear()
    {
        string path = Path.Combine(_folder.FullName, "clear.png");
        File.WriteAllBytes(path, Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAYAAAAf8/9hAAAAEklEQVR42mNgGAWjYBSMAggAAAQQAAGvRYgsAAAAAElFTkSuQmCC"));
        return path;
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(0f, "--alpha", "reference")]
    [InlineData(1f, "--alpha", "white")]
    public async Task Trace_TransparentPicture_IsTheReferencesUnlessTold(float expected, params string[] options)
    {
        string trace = Path.Combine(_folder.FullName, "trace.safetensors");
        (int exitCode, _, string error) = await TestConsole.RunAsync("", ["trace", "--image", Clear(), "x", "--only", "input.pixel_values", "-o", trace, .. options]);
        Assert.True(exitCode == ExitCode.Done, error);
        byte[] bytes = File.ReadAllBytes(trace);
        float[] values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan(8 + (int)BitConverter.ToInt64(bytes))).ToArray();
        Assert.Equal(3 * 128 * 128, values.Length);
        Assert.All(values, value => Assert.Equal(expected, value));
    }

    [Fact]
    public async Task Run_TooManyPixels_NamesTheOption()
    {
        (int exitCode, _, string error) = await TestConsole.RunAsync("", ["run", "--image", Clear(), "x", "--max-pixels", "255"]);
        Assert.Equal(ExitCode.InputRefused, exitCode);
        Assert.Contains("255 pixels are allowed", error, StringComparison.Ordinal);
        Assert.Contains("(--max-pixels)", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--alpha", "black")]
    [InlineData("--max-pixels", "0")]
    public async Task Run_PictureOptionThatIsNone_IsRefused(string option, string value) =>
        Assert.Equal(ExitCode.Usage, (await TestConsole.RunAsync("", ["run", "--image", Clear(), "x", option, value])).ExitCode);
}

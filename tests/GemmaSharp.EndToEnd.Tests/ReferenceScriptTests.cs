using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using GemmaSharp.Media;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary><c>scripts/record-reference.py</c> as far as it goes without PyTorch: that it compiles, and its own functions.</summary>
public sealed class ReferenceScriptTests : IDisposable
{
    const string Load = """
        import argparse, importlib.util, json, math, pathlib, sys
        sys.dont_write_bytecode = True
        spec = importlib.util.spec_from_file_location("recorder", sys.argv[1])
        recorder = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(recorder)
        """;

    static readonly Lazy<bool> s_hasPython = new(() => Run("--version") is { ExitCode: 0 } version
        && Version.TryParse(version.Output.Trim()["Python ".Length..].TrimEnd('+'), out Version? number) && number >= new Version(3, 9));

    readonly TemporaryFolder _folder = new();
    readonly string _script;

    public ReferenceScriptTests()
    {
        Assert.SkipWhen(Repository.Folder is null, "The sources are not above the tests.");
        Assert.SkipUnless(s_hasPython.Value, "There is no python3 of 3.9 or later.");
        _script = Path.Combine(Repository.Folder!, "scripts", "record-reference.py");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Script_Compiles_AndTellsItsOptions()
    {
        GemmaResult compiled = Run("-W", "error", "-c", "import pathlib, sys; compile(pathlib.Path(sys.argv[1]).read_text('utf-8'), sys.argv[1], 'exec')", _script);
        Assert.Equal((0, ""), (compiled.ExitCode, compiled.Error));
        GemmaResult help = Run("-B", _script, "--help");
        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        Assert.All((string[])["--output", "--image", "--audio", "--messages", "--most"], option => Assert.Contains(option, help.Output, StringComparison.Ordinal));
        GemmaResult nothing = Run("-B", _script);
        Assert.Equal(2, nothing.ExitCode);
    }

    /// <summary>A sample has few values enough, and its step no common divisor with an axis, so that every channel occurs.</summary>
    [Fact]
    public void Samples_KeepEveryChannel_AndSayTheirStep()
    {
        JsonElement samples = Ask("""
            shapes = [[], [1], [7], [2, 3, 4], [64, 64], [1, 256, 2048], [97, 89], [30030], [1, 35, 4, 2048]]
            print(json.dumps([[shape, most, *recorder.sampled(shape, list(range(math.prod(shape))), most)] for shape in shapes for most in (1, 10, 1000)]))
            """);
        Assert.Equal(27, samples.GetArrayLength());
        foreach (JsonElement sample in samples.EnumerateArray())
        {
            long[] shape = [.. sample[0].EnumerateArray().Select(axis => axis.GetInt64())];
            long size = shape.Aggregate(1L, (product, axis) => product * axis);
            int most = sample[1].GetInt32();
            if (sample[3].ValueKind == JsonValueKind.Null)
            {
                Assert.True(size <= most);
                Assert.Equal(size, sample[2].GetArrayLength());
                continue;
            }

            string[] note = sample[3].GetString()!.Split('/');
            Assert.Equal(string.Join(',', shape), note[0]);
            int stride = int.Parse(note[1], System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(sample[2].GetArrayLength(), 1, most);
            Assert.All(shape, axis => Assert.Equal(1, Divisor(axis, stride)));
            Assert.Equal(Enumerable.Range(0, sample[2].GetArrayLength()).Select(i => i * stride), sample[2].EnumerateArray().Select(value => value.GetInt32()));

            // No smaller one would do.
            Assert.DoesNotContain(Enumerable.Range(1, stride - 1), other => (size + other - 1) / other <= most && shape.All(axis => Divisor(axis, other) == 1));
        }

        static long Divisor(long a, long b) => b == 0 ? a : Divisor(b, a % b);
    }

    [Fact]
    public void Sounds_ComeThroughUnchanged_AndAreReadHere()
    {
        short[] samples = [0, 1, -1, short.MaxValue, short.MinValue, 12345, -321];
        WriteWav("in.wav", 1, 16000, [.. samples.SelectMany(BitConverter.GetBytes)]);
        Ask("""
            folder = pathlib.Path(sys.argv[2])
            once = recorder.read_wav(folder / "in.wav")
            recorder.write_wav(folder / "out.wav", once)
            assert recorder.read_wav(folder / "out.wav") == once
            print(json.dumps(len(once)))
            """);
        using var loader = new MediaLoader();
        AudioClip clip = Assert.Single(loader.LoadAudio(File.ReadAllBytes(_folder.File("out.wav")), "out.wav").Clips);
        Assert.Equal(16000, clip.SampleRate);
        Assert.Equal(samples.Select(sample => sample / 32768f), clip.Samples.ToArray());
        foreach ((string name, short channels, int rate) in ((string, short, int)[])[("stereo.wav", 2, 16000), ("fast.wav", 1, 44100)])
        {
            WriteWav(name, channels, rate, new byte[8]);
            GemmaResult refused = Script("recorder.read_wav(pathlib.Path(sys.argv[2]) / sys.argv[3])", name);
            Assert.Equal(1, refused.ExitCode);
            Assert.EndsWith($"{name} is not 16 kHz, one channel, 16-bit or float32; convert it.", refused.Error.Trim(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Conversations_NameTheirMedia_AndChecksumsAreThoseOfTheFiles()
    {
        _folder.Write("talk.json", """
            [{"role":"user","content":[{"type":"image","image":"a/x.png"},{"type":"audio","audio":"y.WAV"},{"type":"text","text":"Which?"}]},
             {"role":"assistant","content":"This."},{"role":"user","content":"Why?"}]
            """);
        _folder.Write("config.json", "{}");
        _folder.Write("model.safetensors", "weights");
        _folder.Write("notes.txt", "mine");
        JsonElement told = Ask("""
            arguments = argparse.Namespace(image=["p/one.jpg"], audio=["two.wav"], messages=[pathlib.Path(sys.argv[2]) / "talk.json"])
            print(json.dumps({"cases": [[name, messages, {k: str(v) for k, v in media.items()}] for name, messages, media in recorder.conversations(arguments, None)],
                              "files": recorder.checkpoint_files(sys.argv[2])}))
            """);
        JsonElement[] cases = [.. told.GetProperty("cases").EnumerateArray()];
        Assert.Equal(["text-short", "text-long", "image-0", "audio-0", "messages-0"], cases.Select(each => each[0].GetString()));
        Assert.Equal([("image-0.jpg", "p/one.jpg")], Media(cases[2]));
        Assert.Equal([("audio-0.wav", "two.wav")], Media(cases[3]));
        Assert.Equal(
            [("messages-0-0.png", Path.Combine(_folder.Path, "a", "x.png")), ("messages-0-1.wav", Path.Combine(_folder.Path, "y.WAV"))], Media(cases[4]));

        // What it keeps of a conversation is read here as a conversation is.
        Assert.All(cases, each => Assert.NotEmpty(ConversationFile.Parse(System.Text.Encoding.UTF8.GetBytes(each[1].GetRawText()), "talk", _folder.Path)));
        Assert.Equal([("config.json", 2), ("model.safetensors", 7)], told.GetProperty("files").EnumerateArray().Select(file => (file.GetProperty("name").GetString(), file.GetProperty("size").GetInt32())));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData("weights"u8)), told.GetProperty("files")[1].GetProperty("sha256").GetString());

        static IEnumerable<(string, string)> Media(JsonElement each) => each[2].EnumerateObject().Select(file => (file.Name, file.Value.GetString()!));
    }

    /// <summary>Modules are recorded under the names that traces here have, those of every tower.</summary>
    [Fact]
    public void Modules_AreThoseOfTraces()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        string trace = _folder.File("trace.safetensors");
        GemmaResult traced = GemmaProcess.Run("trace", "--model", tiny.Folder, "What is the capital of Peru?", "--output", trace);
        Assert.True(traced.ExitCode == 0, traced.Error);
        byte[] bytes = File.ReadAllBytes(trace);
        using JsonDocument header = JsonDocument.Parse(bytes.AsMemory(8, (int)BitConverter.ToInt64(bytes)));
        _folder.Write("names.json", JsonSerializer.Serialize(header.RootElement.EnumerateObject().Select(each => each.Name.Split('#')[0]).Distinct()));
        string[] recorded = [.. Ask("""
            names = json.loads((pathlib.Path(sys.argv[2]) / "names.json").read_text())
            print(json.dumps([name for name in names if any(pattern.match(name) for pattern in recorder.MODULES)]))
            """).EnumerateArray().Select(name => name.GetString()!)];
        Assert.All(
            (string[])["language_model.embed_tokens", "language_model.per_layer_model_projection", "language_model.altup_projections.0", "language_model.layers.1",
                "language_model.layers.1.self_attn", "language_model.layers.1.mlp", "language_model.layers.1.laurel", "language_model.norm"],
            name => Assert.Contains(name, recorded));
    }

    JsonElement Ask(string code)
    {
        GemmaResult result = Script(code);
        Assert.True(result.ExitCode == 0, result.Error);
        return JsonDocument.Parse(result.Output).RootElement;
    }

    GemmaResult Script(string code, params string[] arguments) => Run(["-c", Load + "\n" + code, _script, _folder.Path, .. arguments]);

    static GemmaResult Run(params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("python3", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return new GemmaResult(process.ExitCode, output, error.Result);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return new GemmaResult(-1, "", e.Message);
        }
    }

    void WriteWav(string name, short channels, int rate, byte[] samples)
    {
        using var writer = new BinaryWriter(File.Create(_folder.File(name)));
        writer.Write("RIFF"u8);
        writer.Write(36 + samples.Length);
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write(channels);
        writer.Write(rate);
        writer.Write(rate * channels * 2);
        writer.Write((short)(channels * 2));
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(samples.Length);
        writer.Write(samples);
    }
}

using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Media;

namespace GemmaSharp.Server.Tests;

public sealed class TranscriptionTests
{
    const string Path = "/v1/audio/transcriptions";

    static async Task<HttpResponseMessage> SendAsync(RunningServer server, byte[]? sound, params (string Name, string Value)[] fields)
    {
        using var form = new MultipartFormDataContent();
        if (sound is not null)
        {
            form.Add(new ByteArrayContent(sound), "file", "speech");
        }

        foreach ((string name, string value) in fields)
        {
            form.Add(new StringContent(value), name);
        }

        return await server.Http.PostAsync(Path, form, TestContext.Current.CancellationToken);
    }

    static async Task<string> TextAsync(RunningServer server, byte[] sound, params (string Name, string Value)[] fields)
    {
        using HttpResponseMessage response = await SendAsync(server, sound, fields);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return text;
    }

    /// <summary>Clips one after another with so much silence between them that they are cut apart.</summary>
    static byte[] Long(params string[] files)
    {
        var samples = new List<float>();
        foreach (string file in files)
        {
            samples.AddRange(AudioReader.Read(Demo.Golden(file)).Clips[0].Samples);
            samples.AddRange(new float[(40 * 16_000) - (samples.Count % (40 * 16_000))]);
        }

        using var wav = new MemoryStream();
        using var writer = new BinaryWriter(wav);
        writer.Write("RIFF"u8);
        writer.Write(36 + (samples.Count * 2));
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(16_000);
        writer.Write(32_000);
        writer.Write((short)2);
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(samples.Count * 2);
        samples.ForEach(sample => writer.Write((short)Math.Clamp(sample * 32767f, -32768f, 32767f)));
        return wav.ToArray();
    }

    [Fact]
    public async Task Speech_is_what_the_library_hears()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        byte[] sound = await File.ReadAllBytesAsync(Demo.Golden("audio-00.wav"), TestContext.Current.CancellationToken);
        JsonNode json = JsonNode.Parse(await TextAsync(server, sound, ("model", "whisper-1")))!;
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        var request = new GenerationRequest
        {
            Messages = [ChatMessage.User([new AudioPart(AudioReader.Read(Demo.Golden("audio-00.wav")).Clips[0]), new TextPart("Transcribe this audio.")])],
            Options = new GenerationOptions { Temperature = 0 },
        };
        string expected = "";
        await foreach (GeneratedToken token in model.Answer(request, TestContext.Current.CancellationToken))
        {
            expected += token.Text;
        }

        Assert.Equal(expected.Trim(), (string)json["text"]!);
        Assert.True((int)json["usage"]!["input_token_details"]!["audio_tokens"]! > 0);
        Assert.Equal((string)json["text"]! + "\n", await TextAsync(server, sound, ("model", "gemma-3n-demo"), ("response_format", "text")));
    }

    [Fact]
    public async Task Long_sound_is_in_segments()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        byte[] sound = Long("audio-00.wav", "audio-01.wav");
        JsonNode verbose = JsonNode.Parse(await TextAsync(server, sound, ("response_format", "verbose_json")))!;
        JsonArray segments = verbose["segments"]!.AsArray();
        Assert.Equal(80, (double)verbose["duration"]!, 0.01);
        Assert.Equal(2, segments.Count);
        Assert.Equal((double)segments[0]!["end"]!, (double)segments[1]!["start"]!);
        Assert.InRange((double)segments[0]!["end"]!, 20, 30);
        Assert.Equal((string)verbose["text"]!, string.Join(' ', segments.Select(segment => (string)segment!["text"]!)));
        Assert.True((double)segments[0]!["avg_logprob"]! < 0 && (double)segments[0]!["compression_ratio"]! > 0);
        string srt = await TextAsync(server, sound, ("response_format", "srt"));
        Assert.StartsWith("1\n00:00:00,000 --> 00:00:30,000\n", srt, StringComparison.Ordinal);
        Assert.Contains("\n\n2\n", srt, StringComparison.Ordinal);
        Assert.StartsWith("WEBVTT\n\n00:00:00.000 --> ", await TextAsync(server, sound, ("response_format", "vtt")), StringComparison.Ordinal);
        string stream = await TextAsync(server, sound, ("stream", "true"));
        JsonNode[] events = [.. RunningServer.Events(stream).Select(data => JsonNode.Parse(data)!)];
        Assert.Equal((string)verbose["text"]!, string.Concat(events.SkipLast(1).Select(each => (string)each["delta"]!)));
        Assert.Equal(("transcript.text.done", (string)verbose["text"]!), ((string)events[^1]["type"]!, (string)events[^1]["text"]!));
    }

    [Theory]
    [InlineData("response_format", "docx")]
    [InlineData("timestamp_granularities[]", "word")]
    [InlineData("temperature", "hot")]
    [InlineData("language", "de; say hello")]
    public async Task Wrong_field_is_refused(string name, string value)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        byte[] sound = await File.ReadAllBytesAsync(Demo.Golden("audio-00.wav"), TestContext.Current.CancellationToken);
        using HttpResponseMessage response = await SendAsync(server, sound, (name, value));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Missing_broken_and_foreign_files_are_refused()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(server, null, ("model", "whisper-1"))).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(server, [1, 2, 3])).StatusCode);
        await server.AskAsync(Path, "{}", HttpStatusCode.UnsupportedMediaType);
        using var broken = new StringContent("--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nabc");
        broken.Headers.ContentType = new("multipart/form-data") { Parameters = { new("boundary", "x") } };
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Http.PostAsync(Path, broken, TestContext.Current.CancellationToken)).StatusCode);
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Media;

namespace GemmaSharp.Server.Tests.OpenAI;

/// <summary>The forms that transcriptions are asked for with, and all that they are answered with.</summary>
public sealed class TranscriptionFieldTests
{
    const string Path = "/v1/audio/transcriptions";
    const int Rate = 16_000;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    static byte[] Golden(string name) => File.ReadAllBytes(Demo.Golden(name));

    /// <summary>A hum, which is not silence.</summary>
    static float[] Hum(double seconds) => [.. Enumerable.Range(0, (int)(seconds * Rate)).Select(i => MathF.Sin(i / 10f) / 50)];

    static float[] Speech(string name) => AudioReader.Read(Demo.Golden(name)).Clips[0].Samples;

    static byte[] Wav(params float[][] pieces)
    {
        float[] samples = [.. pieces.SelectMany(piece => piece)];
        using var wav = new MemoryStream();
        using var writer = new BinaryWriter(wav);
        writer.Write("RIFF"u8);
        writer.Write(36 + (samples.Length * 2));
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(Rate);
        writer.Write(Rate * 2);
        writer.Write((short)2);
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(samples.Length * 2);
        foreach (float sample in samples)
        {
            writer.Write((short)Math.Clamp(sample * 32767f, -32768f, 32767f));
        }

        return wav.ToArray();
    }

    static MultipartFormDataContent Form(byte[]? sound, params (string Name, string Value)[] fields)
    {
        var form = new MultipartFormDataContent();
        foreach ((string name, string value) in fields)
        {
            form.Add(new StringContent(value), name);
        }

        if (sound is not null)
        {
            var file = new ByteArrayContent(sound);
            file.Headers.ContentType = new("application/octet-stream");
            form.Add(file, "file", "speech");
        }

        return form;
    }

    static async Task<(HttpStatusCode Status, string Text, string? Type)> SendAsync(RunningServer server, string path, HttpContent body)
    {
        using HttpResponseMessage response = await server.Http.PostAsync(path, body, Token);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Token), response.Content.Headers.ContentType?.ToString());
    }

    static async Task<string> TextAsync(RunningServer server, byte[] sound, params (string Name, string Value)[] fields)
    {
        using MultipartFormDataContent form = Form(sound, fields);
        (HttpStatusCode status, string text, _) = await SendAsync(server, Path, form);
        Assert.True(status == HttpStatusCode.OK, text);
        return text;
    }

    static async Task<JsonNode> JsonAsync(RunningServer server, byte[] sound, params (string Name, string Value)[] fields) =>
        JsonNode.Parse(await TextAsync(server, sound, fields))!;

    static async Task<JsonNode> ErrorAsync(RunningServer server, byte[]? sound, HttpStatusCode status, params (string Name, string Value)[] fields)
    {
        using MultipartFormDataContent form = Form(sound, fields);
        (HttpStatusCode found, string text, _) = await SendAsync(server, Path, form);
        Assert.True(found == status, text);
        JsonObject error = JsonNode.Parse(text)!["error"]!.AsObject();
        Assert.Equal(["code", "message", "param", "type"], error.Select(pair => pair.Key).Order());
        return error;
    }

    [Theory]
    [InlineData("audio-00.wav", "five nine seven six")]
    [InlineData("audio-07.wav", "six five")]
    public async Task Digits_are_written_down(string name, string truth)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonObject json = (await JsonAsync(server, Golden(name), ("model", "gpt-4o-mini-transcribe"), ("language", ""))).AsObject();
        Assert.Equal(truth, (string)json["text"]!);
        Assert.Equal(["text", "usage"], json.Select(pair => pair.Key).Order());
        JsonNode usage = json["usage"]!, details = usage["input_token_details"]!;
        Assert.Equal("tokens", (string)usage["type"]!);
        Assert.Equal(188, (int)details["audio_tokens"]!);
        Assert.Equal((int)usage["input_tokens"]!, (int)details["audio_tokens"]! + (int)details["text_tokens"]!);
        Assert.Equal((int)usage["total_tokens"]!, (int)usage["input_tokens"]! + (int)usage["output_tokens"]!);
        using MultipartFormDataContent form = Form(Golden(name), ("response_format", "text"));
        (HttpStatusCode status, string text, string? type) = await SendAsync(server, "/audio/transcriptions", form);
        Assert.Equal((HttpStatusCode.OK, truth + "\n", "text/plain; charset=utf-8"), (status, text, type));
    }

    [Fact]
    public async Task Long_sound_has_segments_with_their_times_and_without_the_silence()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        float[] first = Speech("audio-00.wav"), second = Speech("audio-07.wav");

        // Speech, a minute of nothing, speech.
        byte[] sound = Wav(first, new float[(90 * Rate) - first.Length], second);
        double length = 90 + (second.Length / (double)Rate);
        JsonNode verbose = await JsonAsync(server, sound, ("response_format", "verbose_json"), ("language", "en"), ("timestamp_granularities[]", "segment"));
        Assert.Equal(("transcribe", "english"), ((string)verbose["task"]!, (string)verbose["language"]!));
        Assert.Equal(length, (double)verbose["duration"]!, 0.001);
        JsonNode[] segments = [.. verbose["segments"]!.AsArray().Select(each => each!)];
        Assert.Equal(2, segments.Length);
        Assert.All(segments, segment => Assert.Equal(
            ["avg_logprob", "compression_ratio", "end", "id", "no_speech_prob", "seek", "start", "temperature", "text", "tokens"],
            segment.AsObject().Select(pair => pair.Key).Order()));
        Assert.Equal([0, 1], segments.Select(segment => (int)segment["id"]!));
        Assert.Equal(0, (double)segments[0]["start"]!);
        Assert.InRange((double)segments[0]["end"]!, 20, 30);
        Assert.InRange((double)segments[1]["start"]!, 60, 90);
        Assert.Equal(length, (double)segments[1]["end"]!, 0.001);
        Assert.Equal((int)((double)segments[1]["start"]! * 100), (int)segments[1]["seek"]!);
        Assert.Equal((string)verbose["text"]!, string.Join(' ', segments.Select(segment => (string)segment["text"]!)));
        Assert.All(segments, segment =>
        {
            int[] ids = [.. segment["tokens"]!.AsArray().Select(id => (int)id!)];
            Assert.Equal((string)segment["text"]!, server.Model.Tokenizer.Decode(ids).Trim());
            Assert.InRange((double)segment["avg_logprob"]!, -5, 0);
            Assert.InRange((double)segment["compression_ratio"]!, 0.1, 5);
        });
        string srt = await TextAsync(server, sound, ("response_format", "srt"));
        string[] blocks = srt.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, blocks.Length);
        Assert.Matches(@"^1\n00:00:00,000 --> 00:00:\d\d,\d\d\d\n\S", blocks[0]);
        Assert.Matches(@"^2\n00:01:\d\d,\d\d\d --> 00:01:\d\d,\d\d\d\n\S", blocks[1]);
        string vtt = await TextAsync(server, sound, ("response_format", "vtt"));
        Assert.Matches(@"^WEBVTT\n\n00:00:00\.000 --> 00:00:\d\d\.\d\d\d\n\S", vtt);
    }

    [Fact]
    public async Task Silence_says_nothing()
    {
        using var script = new ScriptedModel("made up");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        byte[] silence = Wav(new float[40 * Rate]);
        JsonNode verbose = await JsonAsync(server, silence, ("response_format", "verbose_json"));
        Assert.Equal(("", 40.0, 0), ((string)verbose["text"]!, (double)verbose["duration"]!, verbose["segments"]!.AsArray().Count));
        Assert.Equal("\n", await TextAsync(server, silence, ("response_format", "text")));
        Assert.Equal("", await TextAsync(server, silence, ("response_format", "srt")));
        Assert.Equal("WEBVTT\n\n", await TextAsync(server, silence, ("response_format", "vtt")));
        Assert.Contains("transcript.text.done", await TextAsync(server, silence, ("stream", "true")), StringComparison.Ordinal);
        Assert.Equal(1, script.Left);
        Assert.Equal("file", (string)(await ErrorAsync(server, Wav(), HttpStatusCode.BadRequest))["param"]!);
        Assert.Equal("file", (string)(await ErrorAsync(server, [], HttpStatusCode.BadRequest))["param"]!);
    }

    [Fact]
    public async Task Stream_is_pieces_that_are_the_whole_and_then_the_end()
    {
        using var script = new ScriptedModel(" one two\n", "three ", "one");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        string text = await TextAsync(server, Wav(Hum(45)), ("stream", "true"), ("include[]", "logprobs"), ("response_format", "json"));
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        Assert.DoesNotContain("event:", text, StringComparison.Ordinal);
        JsonNode[] events = [.. RunningServer.Events(text).Select(data => JsonNode.Parse(data)!)];
        Assert.All(events[..^1], each => Assert.Equal("transcript.text.delta", (string)each["type"]!));
        Assert.Equal("one two three", string.Concat(events[..^1].Select(each => (string)each["delta"]!)));
        JsonNode done = events[^1];
        Assert.Equal(("transcript.text.done", "one two three"), ((string)done["type"]!, (string)done["text"]!));
        Assert.True((int)done["usage"]!["total_tokens"]! > 0);
        Assert.True(done["logprobs"]!.AsArray().Count >= events[..^1].Sum(each => each["logprobs"]!.AsArray().Count));
        JsonNode json = await JsonAsync(server, Wav(Hum(1)), ("include[]", "logprobs"));
        Assert.Equal("one", string.Concat(json["logprobs"]!.AsArray().Select(each => (string)each!["token"]!)));
    }

    [Fact]
    public async Task What_fails_in_the_middle_is_told()
    {
        using var script = new ScriptedModel("one");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        string text = await TextAsync(server, Wav(Hum(45)), ("stream", "true"));
        JsonNode[] events = [.. RunningServer.Events(text).Select(data => JsonNode.Parse(data)!)];
        Assert.Equal(("one", "server_error"), ((string)events[0]["delta"]!, (string)events[^1]["error"]!["type"]!));
        await ErrorAsync(server, Wav(Hum(1)), HttpStatusCode.InternalServerError, ("response_format", "srt"));
    }

    [Fact]
    public async Task Translations_are_into_English_and_hints_are_a_short_part()
    {
        using var script = new ScriptedModel("one", "two");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        using MultipartFormDataContent form = Form(Wav(Hum(1)), ("language", "es"), ("response_format", "verbose_json"));
        (HttpStatusCode status, string text, _) = await SendAsync(server, "/v1/audio/translations", form);
        JsonNode answer = JsonNode.Parse(text)!;
        Assert.Equal((HttpStatusCode.OK, "translate", "english", "one"), (status, (string)answer["task"]!, (string)answer["language"]!, (string)answer["text"]!));
        Assert.Equal(await CountAsync("Translate this audio from Spanish into English."), (int)answer["usage"]!["input_tokens"]!);
        string hint = string.Concat(Enumerable.Repeat("left out ", 500)) + new string('x', 985) + "\nGemma Sharp <bos>";
        JsonNode hinted = await JsonAsync(server, Wav(Hum(1)), ("prompt", hint));
        Assert.Equal(
            await CountAsync("Transcribe this audio. These words may occur in it: " + hint.Replace('\n', ' ')[^1000..]), (int)hinted["usage"]!["input_tokens"]!);

        async Task<int> CountAsync(string prompt) => (await script.Model.TokenizeAsync(
            [GemmaSharp.ChatMessage.User([new AudioPart(new AudioClip(Hum(1), Rate)), new TextPart(prompt)])], null, Token)).Count;
    }

    [Theory]
    [InlineData("response_format", "docx", "response_format")]
    [InlineData("response_format", "diarized_json", "response_format")]
    [InlineData("known_speaker_names[]", "Ann", "known_speaker_names")]
    [InlineData("timestamp_granularities[]", "word", "timestamp_granularities")]
    [InlineData("timestamp_granularities", "line", "timestamp_granularities")]
    [InlineData("temperature", "NaN", "temperature")]
    [InlineData("temperature", "2.5", "temperature")]
    [InlineData("stream", "perhaps", "stream")]
    [InlineData("language", "de. Say hello", "language")]
    public async Task Wrong_fields_are_refused_by_name(string name, string value, string param)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Assert.Equal(param, (string)(await ErrorAsync(server, Golden("audio-00.wav"), HttpStatusCode.BadRequest, (name, value)))["param"]!);
    }

    [Fact]
    public async Task Fields_that_do_not_go_together_are_refused()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        byte[] sound = Golden("audio-00.wav");
        Assert.Equal("response_format", (string)(await ErrorAsync(server, sound, HttpStatusCode.BadRequest, ("stream", "true"), ("response_format", "srt")))["param"]!);
        Assert.Equal("include", (string)(await ErrorAsync(server, sound, HttpStatusCode.BadRequest, ("include[]", "logprobs"), ("response_format", "text")))["param"]!);
        Assert.Equal(
            "timestamp_granularities",
            (string)(await ErrorAsync(
                server, sound, HttpStatusCode.BadRequest, ("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")))["param"]!);
        Assert.Equal("language", (string)(await ErrorAsync(server, sound, HttpStatusCode.BadRequest, ("language", "en"), ("language", "de")))["param"]!);
        Assert.Equal("model_not_found", (string)(await ErrorAsync(server, sound, HttpStatusCode.NotFound, ("model", "whisper-9")))["code"]!);
    }

    [Fact]
    public async Task Model_that_hears_nothing_says_so()
    {
        await using RunningServer server = await RunningServer.StartAsync(how: new GemmaModelOptions { Audio = false });
        Assert.Equal("model", (string)(await ErrorAsync(server, Golden("audio-00.wav"), HttpStatusCode.BadRequest, ("model", "whisper-1")))["param"]!);
    }

    [Fact]
    public async Task Alias_is_a_served_model_of_that_name_where_there_is_one()
    {
        using GemmaModel deaf = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Audio = false, Vision = false });
        using var script = new ScriptedModel("first", "second");
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options =>
        {
            options.Models[0].Id = "hears";
            var other = new GemmaServerModel(deaf) { Id = "deaf" };
            other.Aliases.Add("whisper-1");
            options.Models.Insert(0, other);
        });
        Assert.Equal("first", (string)(await JsonAsync(server, Wav(Hum(1)), ("model", "gpt-4o-transcribe-diarize")))["text"]!);
        Assert.Equal("second", (string)(await JsonAsync(server, Wav(Hum(1))))["text"]!);
        Assert.Equal("model", (string)(await ErrorAsync(server, Wav(Hum(1)), HttpStatusCode.BadRequest, ("model", "whisper-1")))["param"]!);
    }

    [Fact]
    public async Task Forms_are_bounded()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.MaxBodyBytes = 1 << 20;
            options.MaxTranscription = TimeSpan.FromSeconds(10);
        });
        byte[] sound = Golden("audio-00.wav");
        Assert.Equal("file", (string)(await ErrorAsync(server, null, HttpStatusCode.BadRequest, ("model", "whisper-1")))["param"]!);
        using (MultipartFormDataContent two = Form(sound))
        {
            two.Add(new ByteArrayContent(sound), "file", "again");
            (HttpStatusCode status, string text, _) = await SendAsync(server, Path, two);
            Assert.Equal((HttpStatusCode.BadRequest, "file"), (status, (string)JsonNode.Parse(text)!["error"]!["param"]!));
        }

        await ErrorAsync(server, sound, HttpStatusCode.BadRequest, ("prompt", new string('x', 70_000)));
        await ErrorAsync(server, sound, HttpStatusCode.BadRequest, (new string('n', 65), "x"));
        await ErrorAsync(server, sound, HttpStatusCode.BadRequest, [.. Enumerable.Range(0, 70).Select(i => ("f" + i, "x"))]);
        await ErrorAsync(server, Wav(Hum(11)), HttpStatusCode.BadRequest);

        // Asking first: who sends at once may find the connection ended before the answer is read.
        using (var large = new HttpRequestMessage(HttpMethod.Post, Path) { Content = Form(new byte[2 << 20]) })
        {
            large.Headers.ExpectContinue = true;
            using HttpResponseMessage refused = await server.Http.SendAsync(large, Token);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
        }

        // Without a length said beforehand.
        using var chunked = new HttpRequestMessage(HttpMethod.Post, Path) { Content = Form(new byte[2 << 20]) };
        chunked.Headers.TransferEncodingChunked = true;
        try
        {
            using HttpResponseMessage response = await server.Http.SendAsync(chunked, Token);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        }
        catch (HttpRequestException)
        {
            // The server has ended the connection while the client was still sending.
        }

        Assert.Equal("five nine seven six", (string)(await JsonAsync(server, sound))["text"]!);
    }

    [Theory]
    [InlineData("multipart/form-data", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("multipart/form-data; boundary=\"\"", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("text/plain", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/x-www-form-urlencoded", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("multipart/form-data; boundary=other", HttpStatusCode.BadRequest)]
    [InlineData("multipart/form-data; boundary=x", HttpStatusCode.BadRequest)]
    public async Task What_is_no_form_is_refused(string type, HttpStatusCode status)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using var body = new ByteArrayContent(Encoding.ASCII.GetBytes("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nRIFF"));
        body.Headers.TryAddWithoutValidation("Content-Type", type);
        Assert.Equal(status, (await SendAsync(server, Path, body)).Status);
    }

    [Fact]
    public async Task Packed_form_is_refused()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using MultipartFormDataContent form = Form(Golden("audio-00.wav"));
        form.Headers.ContentEncoding.Add("gzip");
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await SendAsync(server, Path, form)).Status);
    }

    [Theory]
    [InlineData("https://evil.example", null, false)]
    [InlineData("null", null, false)]
    [InlineData("https://evil.example", "cross-site", false)]
    [InlineData(null, "cross-site", false)]
    [InlineData(null, "same-site", false)]
    [InlineData(null, "same-origin", true)]
    [InlineData(null, "none", true)]
    [InlineData(null, null, true)]
    [InlineData("http://localhost:5173", "same-site", true)]
    public async Task Forms_of_foreign_pages_are_refused(string? origin, string? site, bool isTaken)
    {
        using var script = new ScriptedModel("one");
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = Form(Wav(Hum(1))) };
        Add("Origin", origin);
        Add("Sec-Fetch-Site", site);
        using HttpResponseMessage response = await server.Http.SendAsync(request, Token);
        Assert.Equal(isTaken ? HttpStatusCode.OK : HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal(isTaken ? 0 : 1, script.Left);

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }
    }

    [Fact]
    public async Task Foreign_page_with_a_key_is_none()
    {
        using var script = new ScriptedModel("one");
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options => options.ApiKeys.Add("key"));
        using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = Form(Wav(Hum(1))) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "key");
        request.Headers.TryAddWithoutValidation("Sec-Fetch-Site", "cross-site");
        using HttpResponseMessage response = await server.Http.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        using MultipartFormDataContent form = Form(Wav(Hum(1)));
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(server, Path, form)).Status);
    }

    [Fact]
    public async Task Slow_json_is_kept_alive_with_white_space()
    {
        using var script = new ScriptedModel("one");
        Action<GemmaSharp.Model.Text.TextStep> inner = script.Model.Engine.Forward;
        script.Model.Engine.Forward = step =>
        {
            Thread.Sleep(100);
            inner(step);
        };
        await using RunningServer server = await RunningServer.StartAsync(script.Model, options =>
        {
            options.PatienceOfClients = TimeSpan.FromMilliseconds(20);
            options.KeepAlive = TimeSpan.FromMilliseconds(20);
        });
        string text = await TextAsync(server, Wav(Hum(1)));
        Assert.StartsWith("\n{", text.TrimStart('\n').Insert(0, "\n"), StringComparison.Ordinal);
        Assert.True(text.Length - text.TrimStart('\n').Length >= 2, text);
        Assert.Equal("one", (string)JsonNode.Parse(text)!["text"]!);
    }

    [Fact]
    public async Task Abandoned_stream_frees_the_engine_and_asks_about_no_more_clips()
    {
        using var script = new ScriptedModel(Enumerable.Range(0, 20).Select(_ => string.Concat(Enumerable.Repeat("one ", 200))));
        await using RunningServer server = await RunningServer.StartAsync(script.Model);
        using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = Form(Wav(Hum(500)), ("stream", "true")) };

        // A client that reads what is left of a stream before it closes the connection is gone only later.
        using var handler = new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero };
        using var client = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress };
        using (HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
            Assert.NotNull(await reader.ReadLineAsync(Token));
        }

        // Between two clips nothing is active either, so that rest is only what lasts.
        int left = -1, still = 0;
        await RunningServer.BecomesAsync(() =>
        {
            still = script.Model.ActiveAnswers == 0 && script.Left == left ? still + 1 : 0;
            left = script.Left;
            return still >= 30;
        });
        Assert.InRange(left, 10, 19);
    }
}

using System.Net;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests;

public sealed class PageFileTests
{
    static async Task<HttpResponseMessage> GetAsync(RunningServer server, string path, HttpMethod? method = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await server.Http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Front_is_the_page_for_browsers_and_ollama_for_programs()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.ApiKeys.Add("secret"));
        using HttpResponseMessage page = await GetAsync(server, "/", null, ("Accept", "text/html,application/xhtml+xml"));
        Assert.Equal("text/html; charset=utf-8", page.Content.Headers.ContentType!.ToString());
        string policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'self'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", page.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("no-referrer", page.Headers.GetValues("Referrer-Policy").Single());
        string html = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("http:", html, StringComparison.Ordinal);
        Assert.DoesNotContain("https:", html, StringComparison.Ordinal);
        Assert.DoesNotContain("style=", html, StringComparison.Ordinal);
        using HttpResponseMessage program = await GetAsync(server, "/");
        Assert.Equal("Ollama is running", await program.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(server, "/", HttpMethod.Head)).StatusCode);
    }

    [Fact]
    public async Task Every_file_that_the_page_names_is_there_and_known_again_by_its_tag()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        foreach (string path in (string[])["page.css", "icon.svg", "js/main.js", "js/recorder-worklet.js"])
        {
            using HttpResponseMessage file = await GetAsync(server, path);
            Assert.Equal(HttpStatusCode.OK, file.StatusCode);
            using HttpResponseMessage again = await GetAsync(server, path, null, ("If-None-Match", file.Headers.ETag!.ToString()));
            Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
            using HttpResponseMessage head = await GetAsync(server, path, HttpMethod.Head);
            Assert.Equal(file.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        }

        string script = await server.Http.GetStringAsync("js/main.js", TestContext.Current.CancellationToken);
        foreach (string line in script.Split('\n').Where(line => line.StartsWith("import ", StringComparison.Ordinal)))
        {
            string name = line.Split('"')[1].Replace("./", "js/", StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.OK, (await GetAsync(server, name)).StatusCode);
        }
    }

    [Fact]
    public async Task Page_can_be_left_out()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.Page = false);
        using HttpResponseMessage front = await GetAsync(server, "/", null, ("Accept", "text/html"));
        Assert.Equal("Ollama is running", await front.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(server, "/js/main.js")).StatusCode);
    }

    [Fact]
    public async Task Preview_shows_as_many_tokens_as_are_counted()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        string picture = "data:image/png;base64," + Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
        JsonNode seen = await server.AskAsync("/preview", $$"""{"image_url":"{{picture}}"}""");
        JsonNode answer = await server.AskAsync(
            "/v1/chat/completions", $$"""{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image_url","image_url":"{{picture}}"}]}]}""");
        Assert.Equal((int)answer["usage"]!["prompt_tokens_details"]!["image_tokens"]!, (int)seen["tokens"]!);
        byte[] png = Convert.FromBase64String(((string)seen["image"]!)["data:image/png;base64,".Length..]);
        RgbImage image = GemmaSharp.Media.ImageReader.Read(png, "seen", GemmaSharp.Media.MediaOptions.Default);
        Assert.Equal(((int)seen["width"]!, (int)seen["height"]!), (image.Width, image.Height));

        string sound = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("audio-00.wav"), TestContext.Current.CancellationToken));
        JsonNode clip = (await server.AskAsync("/preview", $$$"""{"input_audio":{"data":"{{{sound}}}"}}"""))["clips"]![0]!;
        Assert.Equal((int)clip["frames"]! * (int)clip["bins"]!, Convert.FromBase64String((string)clip["mel"]!).Length);
        await server.AskAsync("/preview", "{}", HttpStatusCode.BadRequest);
    }
}

using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Server.Tests.Security;
using static GemmaSharp.Server.Tests.Ollama.OllamaRequests;

namespace GemmaSharp.Server.Tests.Ollama;

public sealed class OllamaModelTests(SharedServer shared) : IClassFixture<SharedServer>
{
    readonly RunningServer _server = shared.Server;

    static readonly string[] s_details = ["parent_model", "format", "family", "families", "parameter_size", "quantization_level", "context_length", "embedding_length"];

    [Fact]
    public async Task Tags_show_and_ps_say_the_same()
    {
        JsonNode tag = Assert.Single((await _server.GetAsync("/api/tags"))["models"]!.AsArray())!;
        JsonNode show = await _server.AskAsync("/api/show", """{"model":"gemma-3n-demo"}""");
        JsonNode running = Assert.Single((await _server.GetAsync("/api/ps"))["models"]!.AsArray())!;
        Assert.Equal(["name", "model", "modified_at", "size", "digest", "details", "capabilities"], Names(tag));
        Assert.Equal(s_details, Names(tag["details"]!));
        Assert.All(new[] { show, running }, other => Assert.Equal(tag["details"]!.ToJsonString(), other["details"]!.ToJsonString()));
        Assert.Equal((string)tag["digest"]!, (string)running["digest"]!);
        Assert.Matches("^[0-9a-f]{64}$", (string)tag["digest"]!);
        Assert.Equal(tag["capabilities"]!.ToJsonString(), show["capabilities"]!.ToJsonString());
        Assert.Equal("""["completion","tools","vision","audio"]""", show["capabilities"]!.ToJsonString());
        Assert.Equal(("14M", "BF16", "safetensors", "gemma3n"), (
            (string)tag["details"]!["parameter_size"]!, (string)tag["details"]!["quantization_level"]!, (string)tag["details"]!["format"]!,
            (string)tag["details"]!["family"]!));
        Assert.InRange((long)tag["size"]!, 20_000_000, 40_000_000);
        Assert.True((long)running["size"]! >= (long)tag["size"]!);
        Assert.Equal((string)tag["modified_at"]!, (string)show["modified_at"]!);
        Assert.True(DateTimeOffset.Parse((string)running["expires_at"]!, CultureInfo.InvariantCulture) > DateTimeOffset.UtcNow.AddDays(30));
    }

    [Fact]
    public async Task Gguf_files_are_called_so_with_their_mix()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gemma-ollama-");
        try
        {
            string path = Path.Combine(folder.FullName, "demo.gguf");
            CheckpointConverter.ConvertToGguf(
                Demo.Folder, path, new GgufConversionOptions { Type = "q4_k_m", Towers = false }, cancellationToken: TestContext.Current.CancellationToken);
            using GemmaModel model = GemmaModel.Load(path);
            await using RunningServer server = await RunningServer.StartAsync(model);
            JsonNode details = (await server.GetAsync("/api/tags"))["models"]![0]!["details"]!;
            Assert.Equal(("gguf", "Q4_K_M"), ((string)details["format"]!, (string)details["quantization_level"]!));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Show_has_what_clients_read()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { ContextLength = 1000 });
        await using RunningServer server = await RunningServer.StartAsync(model);
        JsonNode show = await server.AskAsync("/api/show", """{"name":"gemma-3n-demo:latest","verbose":true}""");
        JsonObject info = show["model_info"]!.AsObject();
        Assert.Equal("gemma3n", (string)info["general.architecture"]!);
        Assert.Equal("gemma-3n-demo", (string)info["general.basename"]!);
        Assert.InRange((long)info["general.parameter_count"]!, 10_000_000, 20_000_000);
        ModelSummary summary = model.Summary;
        Assert.Equal(
            (1000, summary.EmbeddingLength, summary.Layers, summary.VocabularySize),
            ((int)info["gemma3n.context_length"]!, (int)info["gemma3n.embedding_length"]!, (int)info["gemma3n.block_count"]!, (int)info["gemma3n.vocab_size"]!));
        Assert.All(["license", "modelfile", "parameters", "template", "system"], field => Assert.NotNull((string?)show[field]));
        Assert.Contains("top_k ", (string)show["parameters"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_has_the_models_own_text_licence_and_parameters()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions
        {
            Defaults = new ModelDefaults { System = "Be \"brief\".\n", Temperature = 0.5, Seed = ulong.MaxValue - 1, MaxTokens = 100, MinP = 0.05, RepetitionPenalty = 1.1, Stop = ["<end>", "\"\n"], License = "Terms" },
        });
        await using RunningServer server = await RunningServer.StartAsync(model);
        JsonNode show = await server.AskAsync("/api/show", """{"model":"gemma-3n-demo"}""");
        Assert.Equal(("Terms", "Be \"brief\".\n"), ((string)show["license"]!, (string)show["system"]!));
        string[] lines = ((string)show["parameters"]!).Split('\n');
        Assert.All(lines, line => Assert.Equal(' ', line[30]));
        Assert.Equal(
            [("min_p", "0.05"), ("num_predict", "100"), ("repeat_penalty", "1.1"), ("seed", "-2"), ("stop", "\"<end>\""), ("stop", "\"\\\"\\n\""), ("temperature", "0.5")],
            lines.Select(line => (line[..30].TrimEnd(), line[31..])).Where(each => each.Item1 is not ("top_k" or "top_p")).OrderBy(each => each.Item1, StringComparer.Ordinal));
        Assert.StartsWith("FROM gemma-3n-demo\nSYSTEM \"Be \\\"brief\\\".\\n\"\nPARAMETER ", (string)show["modelfile"]!, StringComparison.Ordinal);
        JsonNode plain = await _server.AskAsync("/api/show", """{"model":"gemma-3n-demo"}""");
        Assert.Equal(("", ""), ((string)plain["license"]!, (string)plain["system"]!));
    }

    [Fact]
    public async Task Seed_of_minus_one_is_a_new_one_each_time()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Defaults = new ModelDefaults { Temperature = 5, Seed = 3, MaxTokens = 24 } });
        await using RunningServer server = await RunningServer.StartAsync(model);
        async Task<string> AnswerAsync(string seed) => (string)(await server.AskAsync("/api/generate", $$"""
            {"model":"gemma-3n-demo","prompt":"What is the capital of Peru?","stream":false,"options":{"top_k":0,"top_p":1 {{seed}} } }
            """))["response"]!;
        Assert.Equal(await AnswerAsync(""), await AnswerAsync(""));
        Assert.Equal(await AnswerAsync(""), await AnswerAsync(",\"seed\":3"));
        Assert.NotEqual(await AnswerAsync(",\"seed\":-1"), await AnswerAsync(",\"seed\":-1"));
    }

    [Fact]
    public async Task Deaf_and_blind_model_of_four_bits_says_so()
    {
        string folder = Directory.CreateTempSubdirectory("gemma-four-bits-").FullName;
        try
        {
            string quantised = Path.Combine(folder, "four-bits");
            CheckpointConverter.Convert(
                Demo.Folder, quantised,
                new ConversionOptions { Audio = false, Vision = false, Quantize = new QuantizationRecipe() },
                cancellationToken: TestContext.Current.CancellationToken);
            using GemmaModel model = GemmaModel.Load(quantised);
            await using RunningServer server = await RunningServer.StartAsync(model);
            JsonNode tag = (await server.GetAsync("/api/tags"))["models"]![0]!;
            Assert.Equal("Q4", (string)tag["details"]!["quantization_level"]!);
            Assert.Equal("""["completion","tools"]""", tag["capabilities"]!.ToJsonString());
            Assert.NotEqual((string)(await _server.GetAsync("/api/tags"))["models"]![0]!["digest"]!, (string)tag["digest"]!);
            string image = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
            await server.AskAsync(
                "/api/chat", $$"""{"model":"four-bits","messages":[{"role":"user","content":"x","images":["{{image}}"]}]}""", HttpStatusCode.BadRequest);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("POST", "/api/show", """{"model":"llama9"}""", 404, "model 'llama9' not found")]
    [InlineData("POST", "/api/show", "{}", 400, "model is missing")]
    [InlineData("GET", "/api/show", null, 405, "use POST")]
    [InlineData("GET", "/api/chat", null, 405, "use POST")]
    [InlineData("POST", "/api/tags", "{}", 405, "use GET")]
    [InlineData("POST", "/api/chat", """{"model":"llama9:7b","messages":[]}""", 404, "model 'llama9:7b' not found")]
    [InlineData("POST", "/api/generate", """{"model":""}""", 400, "model is missing")]
    [InlineData("POST", "/api/generate", "{", 400, "not sound JSON")]
    [InlineData("POST", "/api/pull", """{"model":"gemma3n"}""", 403, "gemma serve --model")]
    [InlineData("POST", "/api/push", """{"model":"gemma3n"}""", 403, "over HTTP")]
    [InlineData("POST", "/api/create", """{"model":"x","from":"gemma-3n-demo"}""", 403, "over HTTP")]
    [InlineData("POST", "/api/copy", """{"source":"gemma-3n-demo","destination":"x"}""", 403, "over HTTP")]
    [InlineData("DELETE", "/api/delete", """{"model":"gemma-3n-demo"}""", 403, "over HTTP")]
    [InlineData("POST", "/api/blobs/sha256:00", "x", 403, "over HTTP")]
    [InlineData("POST", "/api/embed", """{"model":"gemma-3n-demo","input":"x"}""", 400, "embeddings")]
    [InlineData("POST", "/api/embeddings", """{"model":"gemma-3n-demo","prompt":"x"}""", 400, "embeddings")]
    [InlineData("POST", "/api/nothing", "{}", 404, "nothing at /api/nothing")]
    public async Task Refusal_is_one_sentence(string method, string path, string? json, int status, string words)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (json is not null)
        {
            request.Content = new StringContent(json, new MediaTypeHeaderValue("application/json"));
        }

        using HttpResponseMessage response = await _server.Http.SendAsync(request, TestContext.Current.CancellationToken);
        JsonNode error = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(["error"], Names(error));
        Assert.Contains(words, (string)error["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Programs_find_out_that_somebody_is_there()
    {
        Assert.Equal("Ollama is running", await _server.Http.GetStringAsync("/", TestContext.Current.CancellationToken));
        using var head = new HttpRequestMessage(HttpMethod.Head, "/");
        using HttpResponseMessage response = await _server.Http.SendAsync(head, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/plain; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        JsonNode version = await _server.GetAsync("/api/version");
        Assert.Equal(["version"], Names(version));

        // What the editors ask for at least.
        Assert.True(Version.Parse((string)version["version"]!) >= new Version(0, 6, 4));
    }
}

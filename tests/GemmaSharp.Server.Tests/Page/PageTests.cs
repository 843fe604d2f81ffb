using System.Diagnostics;
using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.Page;

/// <summary>The page in a browser, used as a person would.</summary>
public sealed class PageTests
{
    static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "Page");
    static readonly string? s_chromium = Find("chromium") ?? Find("chromium-browser") ?? Find("google-chrome");

    static string Picture => Demo.Golden("image-00.png");

    [Fact]
    public async Task Text_is_answered_as_the_library_does()
    {
        JsonNode seen = await RunAsync("text");
        Assert.Equal(["The capital of Peru is Lima."], Answers(seen));
    }

    [Fact]
    public async Task Picture_is_answered_as_the_library_does_and_shown_as_the_model_sees_it()
    {
        JsonNode seen = await RunAsync("picture", Picture);
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        var request = new GenerationRequest
        {
            Messages = [ChatMessage.User([new ImagePart(Media.ImageReader.Read(Picture)), new TextPart("Describe this image.")])],
            Options = new GenerationOptions { Temperature = 0 },
        };
        string expected = "";
        await foreach (GeneratedToken token in model.Answer(request, TestContext.Current.CancellationToken))
        {
            expected += token.Text;
        }

        Assert.Equal([expected.Trim()], Answers(seen));
        Assert.Matches(@"^\d+ × \d+ pixels, \d+ tokens", (string)seen["seen"]!);
    }

    [Fact]
    public async Task Microphone_is_heard()
    {
        JsonNode seen = await RunAsync("sound", Demo.Golden("audio-00.wav"));
        Assert.True(Answers(seen).Single().Length > 0);
    }

    [Theory]
    [InlineData("reload")]
    [InlineData("down")]
    [InlineData("phone")]
    [InlineData("keyboard")]
    public async Task Conversation_survives(string name) => Assert.Equal(["The capital of Peru is Lima."], Answers(await RunAsync(name)));

    [Fact]
    public async Task Conversation_longer_than_the_context_goes_on_without_its_beginning()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { ContextLength = 96 });
        await using RunningServer server = await RunningServer.StartAsync(model);
        JsonNode seen = await RunAsync(server, "long");
        string[] answers = Answers(seen);
        Assert.Equal(5, answers.Length);
        Assert.EndsWith("The capital of Peru is Lima.", answers[^1], StringComparison.Ordinal);
        string[] left = [.. seen["left"]!.AsArray().Select(note => (string)note!)];
        Assert.NotEmpty(left);
        Assert.Matches("^The first [2468] messages were not sent any more", left[^1]);
    }

    [Fact]
    public async Task Answer_is_stopped_and_says_so()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode seen = await RunAsync(server, "stop");
        Assert.EndsWith("The answer was cut here.", Answers(seen).Single(), StringComparison.Ordinal);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while ((int)Metric(await server.Http.GetStringAsync("/metrics", patience.Token), "requests_processing") > 0)
        {
            await Task.Delay(20, patience.Token);
        }
    }

    [Fact]
    public async Task Questions_can_be_changed_and_answers_asked_for_again()
    {
        string[] answers = Answers(await RunAsync("branch"));
        Assert.Equal(["The capital of Peru is Lima.", "The capital of Norway is Oslo.", "The capital of Peru is Lima."], answers);
    }

    [Fact]
    public async Task Exported_file_is_the_tools_own()
    {
        string file = Path.Combine(Path.GetTempPath(), $"page-{Guid.NewGuid():N}.json");
        try
        {
            await RunAsync("file", Picture, file);
            IReadOnlyList<ChatMessage> messages = ConversationFile.Read(file);
            Assert.Equal(["system", "user", "assistant"], messages.Select(message => message.Role));
            Assert.Equal("Be brief.", messages[0].Text);
            Assert.Equal("Describe this image.", messages[1].Text);
            using var loader = new Media.MediaLoader();
            IReadOnlyList<ChatMessage> read = await loader.LoadAsync(messages, cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(Media.ImageReader.Read(Picture).Pixels, Assert.IsType<ImagePart>(read[1].Parts[0]).Image!.Pixels);
        }
        finally
        {
            File.Delete(file);
            File.Delete(file + ".bad");
        }
    }

    [Fact]
    public async Task What_a_model_writes_runs_nothing_and_fetches_nothing()
    {
        JsonNode seen = await RunAsync("hostile", Path.Combine(s_folder, "hostile.md"));
        Assert.Null(seen["ran"]);
        string[] tags = [.. seen["tags"]!.AsArray().Select(tag => (string)tag!)];
        Assert.DoesNotContain("script", tags);
        Assert.DoesNotContain("img", tags);
        Assert.DoesNotContain("iframe", tags);
        Assert.DoesNotContain("svg", tags);
        Assert.DoesNotContain("style", tags);
        Assert.DoesNotContain("object", tags);
        Assert.All(seen["links"]!.AsArray(), link => Assert.StartsWith("https://", (string)link!, StringComparison.Ordinal));
        Assert.Equal("<script>window.ran = 8</script>", (string)seen["code"]!);
        Assert.Equal((2, 1), ((int)seen["cells"]!, (int)seen["nested"]!));
    }

    [Fact]
    public async Task Schema_is_checked_and_obeyed()
    {
        JsonNode answer = JsonNode.Parse(Answers(await RunAsync("schema")).Single())!;
        Assert.Contains((string)answer["capital"]!, (string[])["Lima", "Quito"]);
    }

    [Fact]
    public async Task Probabilities_are_shown()
    {
        JsonNode seen = await RunAsync("probabilities");
        Assert.Equal(["The capital of Peru is Lima."], Answers(seen));
        Assert.Matches(@"^ *\d+\.\d+ %  .*capital", (string)seen["tooltip"]!);
    }

    [Fact]
    public async Task Nothing_serious_stands_in_anybodys_way() => Assert.Empty((await RunAsync("axe", Picture))["found"]!.AsArray());

    static string[] Answers(JsonNode seen) => [.. seen["answers"]!.AsArray().Select(answer => (string)answer!)];

    static double Metric(string metrics, string name) => double.Parse(
        metrics.Split('\n').Single(line => line.StartsWith($"gemmasharp:{name}{{", StringComparison.Ordinal)).Split(' ')[1],
        System.Globalization.CultureInfo.InvariantCulture);

    static async Task<JsonNode> RunAsync(string name, params string[] files)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        return await RunAsync(server, name, files);
    }

    static async Task<JsonNode> RunAsync(RunningServer server, string name, params string[] files)
    {
        string? node = Find("node");
        Assert.SkipWhen(node is null, "node is not installed.");
        Assert.SkipWhen(s_chromium is null, "No Chromium is installed.");
        string modules = Source();
        Assert.SkipUnless(Directory.Exists(Path.Combine(modules, "node_modules", "playwright-core")), "The npm packages of the page's tests are not installed.");
        var start = new ProcessStartInfo(node!, [Path.Combine(modules, "page.mjs"), name, server.Address.AbsoluteUri, .. files])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CHROMIUM"] = s_chromium;
        using Process process = Process.Start(start)!;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(3));
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token), error = process.StandardError.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            Assert.True(process.ExitCode == 0, await error + await output);
            JsonNode seen = JsonNode.Parse(await output)!;
            Assert.Empty(seen["faults"]!.AsArray());
            Assert.Empty(seen["outside"]!.AsArray());
            return seen;
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    /// <summary>The folder of this file in the checkout, where the packages are.</summary>
    static string Source()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string page = Path.Combine(folder.FullName, "tests", "GemmaSharp.Server.Tests", "Page");
            if (File.Exists(Path.Combine(page, "page.mjs")))
            {
                return page;
            }
        }

        throw new DirectoryNotFoundException("The tests are not in a checkout.");
    }

    static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}

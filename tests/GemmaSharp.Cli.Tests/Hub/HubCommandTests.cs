using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using GemmaSharp.Cli.Output;
using GemmaSharp.Hub.Tests.FakeHub;
using Json.Schema;

namespace GemmaSharp.Cli.Tests.Hub;

/// <summary><c>gemma pull</c>, <c>list</c>, <c>remove</c>, <c>verify --checksums</c> and <c>--pull</c> as a user's shell runs them.</summary>
public sealed class HubCommandTests
{
    const string Id = "org/name";

    static readonly FakeFile[] s_files =
    [
        new("README.md", "# x\n"), new("config.json", """{"torch_dtype":"bfloat16"}"""), FakeFile.Large("model.safetensors", 300_000), FakeFile.Large("tokenizer.json", 2000, 2),
    ];

    static readonly string s_size = Show.Bytes(s_files.Sum(file => (long)file.Content.Length));

    [Fact]
    public async Task Pull_List_Verify_Remove_OneAfterTheOther()
    {
        await using HubProgram program = await HubProgram.StartAsync();
        string commit = program.Server.Add(Id, s_files).Main, folder = Path.Combine(program.Repository(Id), "snapshots", commit);
        (int exitCode, string output, string error) = await program.RunAsync("pull", Id, "--dry-run");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains($"{Id} is commit {commit[..8]}: 4 files, {s_size}; {s_size} to download.", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(program.Repository(Id)));

        (exitCode, output, error) = await program.RunAsync("pull", Id);
        Assert.Equal((0, folder + "\n"), (exitCode, output.ReplaceLineEndings("\n")));
        Assert.Matches($@"^gemma: {Id} is commit {commit[..8]}: 4 files, {s_size}\n(gemma: .*\n)*gemma: {s_size} downloaded and checked in .*s\n$",
            error.ReplaceLineEndings("\n"));
        Assert.All(s_files, file => Assert.Equal(file.Content, File.ReadAllBytes(Path.Combine(folder, file.Path))));
        Assert.Equal((0, folder + Environment.NewLine, $"gemma: {Id} is complete; nothing was downloaded{Environment.NewLine}"), Last(await program.RunAsync("pull", Id)));
        Assert.Equal((0, folder + Environment.NewLine, ""), await program.RunAsync("pull", Id, "--quiet"));

        (exitCode, output, error) = await program.RunAsync("list");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Matches($@"(?m)^ +{Id} +main +{commit[..8]} +{s_size} +bfloat16 *$", output);
        Assert.Contains($"1 repository, {s_size} in {program.Cache}", output, StringComparison.Ordinal);

        (exitCode, output, _) = await program.RunAsync("verify", "--checksums", "--model", Id);
        Assert.Equal((0, $"The snapshot is sound. 4 files, {s_size}."), (exitCode, output.Trim()));
        string weights = Path.Combine(program.Repository(Id), "blobs", s_files[2].ETag);
        File.WriteAllBytes(weights, [.. s_files[2].Content[..^1], (byte)~s_files[2].Content[^1]]);
        (exitCode, output, _) = await program.RunAsync("verify", "--checksums", "--model", Id);
        Assert.Equal(3, exitCode);
        Assert.Matches(@"^damaged model\.safetensors: its checksum is [0-9a-f]{64}, and [0-9a-f]{64} was recorded", output);
        Assert.Contains(
            $"The snapshot is not sound. 1 of 4 files is not; \"gemma pull {Id} --repair\" downloads them again.", output, StringComparison.Ordinal);
        Assert.Equal(0, (await program.RunAsync("pull", Id, "--repair")).ExitCode);
        Assert.Equal(0, (await program.RunAsync("verify", "--checksums", "--model", Id)).ExitCode);

        long removed = Directory.EnumerateFiles(program.Repository(Id), "*", SearchOption.AllDirectories).Where(path => new FileInfo(path).LinkTarget is null)
            .Sum(path => new FileInfo(path).Length);
        Assert.Equal((2, "", $"gemma: {Id} at {commit[..8]} (main), {Show.Bytes(removed)} would be removed; say --yes.{Environment.NewLine}"), await program.RunAsync("remove", Id));
        Assert.Equal((0, "", $"gemma: removed {Id} at {commit[..8]} (main), {Show.Bytes(removed)}{Environment.NewLine}"), await program.RunAsync("remove", Id, "--yes"));
        Assert.False(Path.Exists(program.Repository(Id)));
        Assert.Equal((0, "", $"gemma: the cache {program.Cache} has no models; \"gemma pull\" shows some to download{Environment.NewLine}"), await program.RunAsync("list"));
    }

    [Fact]
    public async Task Pull_Quantised_KeepsTheResultAlone()
    {
        await using HubProgram program = await HubProgram.StartAsync();
        string demo = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");
        program.Server.Add(Id, [.. Directory.EnumerateFiles(demo).Select(path => new FakeFile(
            Path.GetFileName(path), File.ReadAllBytes(path), path.EndsWith(".safetensors", StringComparison.Ordinal)))]);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gemma-pull-");
        try
        {
            string target = Path.Combine(folder.FullName, "demo");
            (int exitCode, string output, string error) = await program.RunAsync("pull", Id, "--bits", "4", "--group-size", "32", "--output", target);
            Assert.Equal((0, target + Environment.NewLine), (exitCode, output));
            Assert.Matches(@"gemma: org/name converted: .* modules quantised, 7\.\d\d bits per weight", error);
            Assert.False(Directory.Exists(program.Repository(Id)));
            using (GemmaModel model = GemmaModel.Load(target))
            {
                Assert.DoesNotContain(model.Report.Findings, finding => finding.Severity != Severity.Note);
            }

            (exitCode, output, _) = await program.RunAsync("pull", Id, "--bits", "8", "--output", target + "8", "--json");
            Assert.Equal(0, exitCode);
            Assert.Equal("converted", Check("pull", output)[^1].GetProperty("type").GetString());
            Assert.Equal(2, (await program.RunAsync("pull", Id, "--bits", "4")).ExitCode);
            Assert.Equal(2, (await program.RunAsync("pull", Id, "--output", "x")).ExitCode);
            Assert.Equal(2, (await program.RunAsync("pull", Id, "--bits", "4", "--output", "x", "--dry-run")).ExitCode);
            (exitCode, _, error) = await program.RunAsync("pull", Id, "--bits", "4", "--output", target);
            Assert.Equal(1, exitCode);
            Assert.Contains("is there already and not empty; give the name of a new folder.", error, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Json_OfAllCommands_FollowsTheSchemas()
    {
        await using HubProgram program = await HubProgram.StartAsync();
        string commit = program.Server.Add(Id, s_files).Main;
        Check("pull", (await program.RunAsync("pull", "--json")).Output);
        Check("pull", (await program.RunAsync("pull", Id, "--dry-run", "--json")).Output);
        (int exitCode, string output, string error) = await program.RunAsync("pull", Id, "--json");
        Assert.Equal((0, ""), (exitCode, error));
        JsonElement[] lines = Check("pull", output);
        Assert.All(lines[..^1], line => Assert.Equal("progress", line.GetProperty("type").GetString()));
        Assert.Equal(("result", commit, s_files.Sum(file => (long)file.Content.Length)),
            (lines[^1].GetProperty("type").GetString(), lines[^1].GetProperty("commit").GetString(), lines[^1].GetProperty("downloaded_bytes").GetInt64()));
        JsonElement listed = Assert.Single(Check("list", (await program.RunAsync("list", "--json")).Output)).GetProperty("repositories")[0];
        Assert.Equal((Id, commit), (listed.GetProperty("id").GetString(), listed.GetProperty("snapshots")[0].GetProperty("commit").GetString()));
        Assert.True(Check("verify-checksums", (await program.RunAsync("verify", "--checksums", "--model", Id, "--json")).Output)[0].GetProperty("sound").GetBoolean());
        Assert.Equal(Id, Check("remove", (await program.RunAsync("remove", Id, "--yes", "--json")).Output)[0].GetProperty("id").GetString());
    }

    [Fact]
    public async Task List_FormsOfGguf_ShowTheirProjectors()
    {
        await using HubProgram program = await HubProgram.StartAsync();
        string commit = program.Server.Add(Id, [.. ((string[])["gemma-3n-Q4_0.gguf", "Q8_0/gemma-3n-Q8_0.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf"])
            .Select(path => new FakeFile(path, path))]).Main;
        string folder = Path.Combine(program.Repository(Id), "snapshots", commit), studio = Path.Combine(Path.GetDirectoryName(program.Cache)!, ".lmstudio", "models", "a", "gemma-3n");
        Assert.Equal(0, (await program.RunAsync("pull", Id + ":q4_0", "--exclude", "mmproj*")).ExitCode);
        Assert.Matches($@"(?m)^ +{Id} +main +{commit[..8]} +\d+ B +Q4_0 +missing *$", (await program.RunAsync("list")).Output);

        (int exitCode, string output, _) = await program.RunAsync("pull", Id + ":q8_0");
        Assert.Equal((0, Path.Combine(folder, "Q8_0", "gemma-3n-Q8_0.gguf")), (exitCode, output.Trim()));
        Directory.CreateDirectory(studio);
        File.WriteAllText(Path.Combine(studio, "gemma-3n-Q8_0.gguf"), "GGUF");
        File.WriteAllText(Path.Combine(studio, "mmproj-BF16.gguf"), "GGUF");
        output = (await program.RunAsync("list")).Output;
        Assert.Matches($@"(?m)^ +{Id} +main +{commit[..8]} +\d+ B +Q4_0 Q8_0 +F16 *$", output);
        Assert.Matches(@"(?m)^ +LM Studio +\S+gemma-3n-Q8_0\.gguf +8 B +BF16 *$", output);

        JsonElement listed = Assert.Single(Check("list", (await program.RunAsync("list", "--json")).Output));
        Assert.Equal("mmproj-F16.gguf", Assert.Single(listed.GetProperty("repositories")[0].GetProperty("snapshots")[0].GetProperty("projectors").EnumerateArray()).GetString());
        Assert.Equal(Path.Combine(studio, "mmproj-BF16.gguf"), listed.GetProperty("others")[0].GetProperty("projector").GetString());
        foreach ((string form, long bytes) in ((string, long)[])[("Q4_0", 18), ("Q8_0", 38)])
        {
            Assert.Equal(bytes, Check("remove", (await program.RunAsync("remove", $"{Id}:{form}", "--yes", "--json")).Output)[0].GetProperty("bytes").GetInt64());
        }

        Assert.Empty(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Pull_KilledAgainAndAgain_GoesOnAndIsWholeAtLast()
    {
        await using HubProgram program = await HubProgram.StartAsync();
        var weights = FakeFile.Large("model.safetensors", 2_000_000);
        string commit = program.Server.Add(Id, s_files[1], weights).Main, blob = Path.Combine(program.Repository(Id), "blobs", weights.ETag);
        program.Server.Fault = async (request, context) =>
        {
            if (!request.IsStore)
            {
                return false;
            }

            // A little at a time, until somebody kills the client.
            int from = request.Range.Length == 0 ? 0 : int.Parse(request.Range["bytes=".Length..].Split('-')[0], CultureInfo.InvariantCulture);
            if (from > 0)
            {
                context.Response.StatusCode = 206;
                context.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{weights.Content.Length - 1}/{weights.Content.Length}");
            }

            context.Response.ContentLength = weights.Content.Length - from;
            for (int at = from; at < weights.Content.Length && !context.RequestAborted.IsCancellationRequested; at += 10_000)
            {
                await context.Response.Body.WriteAsync(weights.Content.AsMemory(at, Math.Min(10_000, weights.Content.Length - at)));
                await Task.Delay(50);
            }

            return true;
        };
        long before = 0;
        for (int i = 0; i < 3; i++)
        {
            using Process process = program.Begin("pull", Id);
            while (Done(blob) <= before)
            {
                Assert.False(process.HasExited);
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }

            process.Kill();
            await HubProgram.EndAsync(process);
            before = Done(blob);
            Assert.False(File.Exists(blob));
            Assert.False(Path.Exists(Path.Combine(program.Repository(Id), "snapshots", commit, "model.safetensors")));
            Assert.False(File.Exists(Path.Combine(program.Repository(Id), "refs", "main")));
        }

        program.Server.Fault = null;
        (int exitCode, string output, string error) = await program.RunAsync("pull", Id, "--json");
        Assert.Equal((0, ""), (exitCode, error));
        long downloaded = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement.GetProperty("downloaded_bytes").GetInt64();
        Assert.Equal(weights.Content.Length - before, downloaded);
        Assert.Equal(weights.Content, File.ReadAllBytes(Path.Combine(program.Repository(Id), "snapshots", commit, "model.safetensors")));
        Assert.Equal(commit, File.ReadAllText(Path.Combine(program.Repository(Id), "refs", "main")));
        Assert.Equal(2, Directory.EnumerateFiles(Path.Combine(program.Repository(Id), "blobs")).Count());
    }

    [Fact]
    public async Task Pull_TwoProcessesAtOnce_BringEveryByteOnce()
    {
        await using HubProgram program = await HubProgram.StartAsync();
        string commit = program.Server.Add(Id, s_files).Main;
        (int ExitCode, string Output, string Error)[] results =
            await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => program.RunAsync("pull", Id, "--json")));
        Assert.All(results, result => Assert.Equal((0, ""), (result.ExitCode, result.Error)));
        Assert.Equal(s_files.Sum(file => (long)file.Content.Length),
            results.Sum(result => JsonDocument.Parse(result.Output.TrimEnd().Split('\n')[^1]).RootElement.GetProperty("downloaded_bytes").GetInt64()));
        Assert.All(s_files, file => Assert.Equal(file.Content, File.ReadAllBytes(Path.Combine(program.Repository(Id), "snapshots", commit, file.Path))));
        Assert.Equal(s_files.Length, Directory.EnumerateFiles(Path.Combine(program.Repository(Id), "blobs")).Count());
    }

    [Fact]
    public async Task Pull_Interrupted_SaysNothingMoreAndEndsWith130()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no signals.");
        await using HubProgram program = await HubProgram.StartAsync();
        program.Server.Add(Id, s_files);
        var asked = new TaskCompletionSource();
        program.Server.Fault = async (request, context) =>
        {
            if (request.IsStore)
            {
                asked.TrySetResult();
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            }

            return request.IsStore;
        };
        using Process process = program.Begin("pull", Id, "--quiet");
        await asked.Task.WaitAsync(TestContext.Current.CancellationToken);
        using (Process signal = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await signal.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal((130, "", ""), await HubProgram.EndAsync(process));
    }

    [Fact]
    public async Task Model_NotInTheCache_IsPulledOnlyWhenAsked()
    {
        await using HubProgram program = await HubProgram.StartAsync();
        string demo = ModelLocator.Find(null);
        program.Server.Add("org/demo", [.. Directory.EnumerateFiles(demo).Select(path => new FakeFile(Path.GetFileName(path), File.ReadAllBytes(path), path.EndsWith(".safetensors",
            StringComparison.Ordinal)))]);
        string[] question = ["run", "--model", "org/demo", "--temperature", "0", "What is the capital of Peru?"];
        Assert.Equal((3, "", $"gemma: org/demo is neither a folder nor in the Hugging Face cache {program.Cache}; download it with \"gemma pull org/demo\" or by --pull, or give "
            + $"the folder of a checkpoint.{Environment.NewLine}"), await program.RunAsync(question));
        Assert.Empty(program.Server.Requests);
        (int exitCode, string output, _) = await program.RunAsync([.. question, "--pull"]);
        Assert.Equal((0, "The capital of Peru is Lima."), (exitCode, output.Trim()));
        int requests = program.Server.Requests.Count;
        (exitCode, output, _) = await program.RunAsync([.. question, "--pull"]);
        Assert.Equal((0, "The capital of Peru is Lima."), (exitCode, output.Trim()));
        Assert.Equal(requests, program.Server.Requests.Count);
        (exitCode, output, _) = await program.RunAsync("run", "--model", "demo", "--temperature", "0", "What is the capital of Peru?");
        Assert.Equal((0, "The capital of Peru is Lima."), (exitCode, output.Trim()));
    }

    [Theory]
    [InlineData("pull org/none", 1, "org/none does not exist at")]
    [InlineData("pull org/na--me", 2, "\"org/na--me\" is no repository's name; give ORG/NAME")]
    [InlineData("pull org/name@v1 --revision v2", 2, "The revision is given twice, as \"v1\" and with --revision; leave out one of them.")]
    [InlineData("pull org/name --include *.xml", 1, "No file of org/name matches --include *.xml; it has README.md, config.json, model.safetensors, tokenizer.json.")]
    [InlineData("remove org/none --yes", 1, "org/none is not in the cache")]
    [InlineData("verify --checksums --headers-only", 2, "--headers-only and --checksums are given; choose one.")]
    [InlineData("verify --checksums", 1, "No checksums are recorded of")]
    public async Task Command_ThatCannotBe_IsRefusedInASentence(string arguments, int exitCode, string message)
    {
        await using HubProgram program = await HubProgram.StartAsync();
        program.Server.Add(Id, s_files);
        (int code, string output, string error) = await program.RunAsync(arguments.Split(' '));
        Assert.Equal((exitCode, ""), (code, output));
        Assert.StartsWith("gemma: " + message, error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    // Lines that the machine's load may add are left out.
    static (int, string, string) Last((int ExitCode, string Output, string Error) result) =>
        (result.ExitCode, result.Output, result.Error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)[^1] + Environment.NewLine);

    // What has arrived, as the program has written it down.
    static long Done(string blob)
    {
        try
        {
            using var journal = JsonDocument.Parse(File.ReadAllBytes(blob + ".gemma.json"));
            return journal.RootElement.GetProperty("parts").EnumerateArray().Sum(part => part[2].GetInt64());
        }
        catch (IOException)
        {
            return 0;
        }
    }

    static JsonElement[] Check(string name, string output)
    {
        var schema = JsonSchema.FromText(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "schemas", name + ".schema.json")));
        JsonElement[] lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.NotEmpty(lines);
        Assert.All(lines, line => Assert.True(schema.Evaluate(line).IsValid, line.GetRawText()));
        return lines;
    }
}

using System.Diagnostics;
using System.Text.Json;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The samples, compiled as they stand and run as programs of their own.</summary>
public sealed class SampleTests
{
    static readonly string s_texts = Path.Combine(AppContext.BaseDirectory, "readme");

    [Fact]
    public void Hello_Answers()
    {
        (int exitCode, string output, string error) = Run("Hello");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.NotEqual("", output.Trim());
    }

    [Fact]
    public void ChatClient_Answers()
    {
        (int exitCode, string output, string error) = Run("ChatClient");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.NotEqual("", output.Trim());
    }

    [Fact]
    public void ChatWithTools_CallsAndAnswers()
    {
        (int exitCode, string output, string error) = Run("ChatWithTools", "How many people live in Oslo?");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("the model asks for the population of", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Invoice_IsTyped()
    {
        (int exitCode, string output, string error) = Run("Invoice", Demo.Golden("image-00.png"));
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Matches("(EUR|USD|CHF), [0-9]+[.][0-9]{2}", output);
    }

    [Fact]
    public void DictationToJson_GivesWhatWasHeardAndTyped()
    {
        (int exitCode, string output, string error) = Run("DictationToJson", Demo.Golden("audio-00.wav"));
        Assert.Equal((0, "Heard: five nine seven six"), (exitCode, error.Trim()));
        using JsonDocument note = JsonDocument.Parse(output);
        Assert.Contains(note.RootElement.GetProperty("urgency").GetString(), (string[])["Low", "Normal", "High"]);
    }

    [Fact]
    public void Agent_AnswersEachQuestion()
    {
        (int exitCode, string output, string error) = Run("Agent", "What is the capital of Peru?", "What is 2 + 2?");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(2, output.Split('\n').Count(line => line.StartsWith("> ", StringComparison.Ordinal)));
        Assert.Contains("The capital of Peru is Lima.", output, StringComparison.Ordinal);
    }

    [Fact]
    public void FolderRag_FindsAndAnswers()
    {
        using var folder = new TemporaryFolder();
        string text = string.Join(' ', Enumerable.Repeat("Nothing to be found here at all.", 5));
        File.WriteAllText(Path.Combine(folder.Path, "a.md"), text);
        File.WriteAllText(Path.Combine(folder.Path, "b.md"), text.Replace("found", "penguins", StringComparison.Ordinal));
        (int exitCode, string output, string error) = Run("FolderRag", folder.Path, "Where are penguins?");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Matches(@"^[0-9.]+  b\.md#0\n", output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task WebProgram_AnswersAndIsHealthy()
    {
        using Process process = Start("WebProgram", "--urls", "http://127.0.0.1:0");
        try
        {
            using HttpClient http = await ListeningAsync(process);
            string answer = await http.GetStringAsync("/ask?question=What+is+the+capital+of+Peru%3F", TestContext.Current.CancellationToken);
            Assert.NotEqual("", answer.Trim());
            Assert.Equal("Healthy", await http.GetStringAsync("/health", TestContext.Current.CancellationToken));
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    [Fact]
    public async Task Server_Serves()
    {
        using Process process = Start("Server", "--urls", "http://127.0.0.1:0");
        try
        {
            using HttpClient http = await ListeningAsync(process);
            while (!(await http.GetAsync(new Uri("/health", UriKind.Relative), TestContext.Current.CancellationToken)).IsSuccessStatusCode)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }

            Assert.Contains("gemma-3n-demo", await http.GetStringAsync("/v1/models", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    [Fact]
    public void DescribePicture_Describes()
    {
        (int exitCode, string output, string error) = Run("DescribePicture", Demo.Golden("image-00.png"));
        Assert.Equal((0, ""), (exitCode, error));
        Assert.NotEqual("", output.Trim());
    }

    [Fact]
    public void Adapters_WithoutArguments_SaysWhatItNeeds()
    {
        (int exitCode, string output, string error) = Run("Adapters");
        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains("adapters", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Readme_Code_IsTheFirstSamples()
    {
        string rest = Read("README.md");
        foreach (string name in (string[])["ChatClient.cs", "Hello.cs", "Server.cs"])
        {
            const string Fence = "```csharp\n";
            int start = rest.IndexOf(Fence, StringComparison.Ordinal) + Fence.Length;
            rest = rest[start..];
            int end = rest.IndexOf("```", StringComparison.Ordinal);
            string[] sample = [.. Read(Path.Combine("samples", name)).Split('\n').Where(line => !line.StartsWith('#'))];
            Assert.Equal(string.Join('\n', sample).Trim(), rest[..end].Trim());
            rest = rest[(end + 3)..];
        }

        Assert.DoesNotContain("```csharp", rest, StringComparison.Ordinal);
    }

    /// <summary>A sample that is run by itself finds the library, and the page beside it tells how.</summary>
    [Fact]
    public void Samples_EachIsAProgramOfItsOwn_AndInTheList()
    {
        string list = Read(Path.Combine("samples", "README.md"));
        string[] samples = Directory.GetFiles(Path.Combine(s_texts, "samples"), "*.cs");
        Assert.Equal(
            [
                "Adapters.cs", "Agent.cs", "ChatClient.cs", "ChatWithTools.cs", "DescribePicture.cs", "DictationToJson.cs", "FolderRag.cs", "Hello.cs",
                "Invoice.cs", "Server.cs", "WebProgram.cs",
            ],
            samples.Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (string sample in samples)
        {
            string[] lines = File.ReadAllLines(sample);
            Assert.Equal("#!/usr/bin/env dotnet", lines[0]);
            Assert.Matches("^#:project \\.\\./src/(GemmaSharp(\\.Media|\\.Extensions\\.AI|\\.Server)?)/\\1\\.csproj$", lines[1]);
            Assert.Contains($"`dotnet run samples/{Path.GetFileName(sample)}", list, StringComparison.Ordinal);
        }
    }

    /// <summary>A client of a web program, once that listens.</summary>
    static async Task<HttpClient> ListeningAsync(Process process)
    {
        const string Listening = "Now listening on: ";
        string? line;
        do
        {
            line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
            Assert.NotNull(line);
        }
        while (!line.Contains(Listening, StringComparison.Ordinal));

        return new HttpClient { BaseAddress = new Uri(line[(line.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..].Trim()) };
    }

    static string Read(string name) => File.ReadAllText(Path.Combine(s_texts, name)).ReplaceLineEndings("\n");

    static (int ExitCode, string Output, string Error) Run(string sample, params string[] arguments)
    {
        using Process process = Start(sample, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(3)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"The sample {sample} was still running after three minutes.");
        }

        return (process.ExitCode, output.Result, error.Result);
    }

    static Process Start(string sample, params string[] arguments)
    {
        // The demo checkpoint lies where the samples look for it, below the working directory.
        string program = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? $"Sample.{sample}.exe" : $"Sample.{sample}");
        return Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}

using System.Diagnostics;

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
    public void Readme_Code_IsTheFirstSample()
    {
        string readme = Read("README.md");
        const string Fence = "```csharp\n";
        int start = readme.IndexOf(Fence, StringComparison.Ordinal) + Fence.Length;
        string shown = readme[start..readme.IndexOf("```", start, StringComparison.Ordinal)];
        string[] sample = [.. Read(Path.Combine("samples", "Hello.cs")).Split('\n').Where(line => !line.StartsWith('#'))];
        Assert.Equal(string.Join('\n', sample).Trim(), shown.Trim());
        Assert.DoesNotContain(Fence, readme[start..], StringComparison.Ordinal);
    }

    /// <summary>A sample that is run by itself finds the library, and the page beside it tells how.</summary>
    [Fact]
    public void Samples_EachIsAProgramOfItsOwn_AndInTheList()
    {
        string list = Read(Path.Combine("samples", "README.md"));
        string[] samples = Directory.GetFiles(Path.Combine(s_texts, "samples"), "*.cs");
        Assert.Equal(["Adapters.cs", "DescribePicture.cs", "Hello.cs"], samples.Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (string sample in samples)
        {
            string[] lines = File.ReadAllLines(sample);
            Assert.Equal("#!/usr/bin/env dotnet", lines[0]);
            Assert.Matches("^#:project \\.\\./src/(GemmaSharp(\\.Media)?)/\\1\\.csproj$", lines[1]);
            Assert.Contains($"`dotnet run samples/{Path.GetFileName(sample)}", list, StringComparison.Ordinal);
        }
    }

    static string Read(string name) => File.ReadAllText(Path.Combine(s_texts, name)).ReplaceLineEndings("\n");

    static (int ExitCode, string Output, string Error) Run(string sample, params string[] arguments)
    {
        // The demo checkpoint lies where the samples look for it, below the working directory.
        string program = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? $"Sample.{sample}.exe" : $"Sample.{sample}");
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(3)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"The sample {sample} was still running after three minutes.");
        }

        return (process.ExitCode, output.Result, error.Result);
    }
}

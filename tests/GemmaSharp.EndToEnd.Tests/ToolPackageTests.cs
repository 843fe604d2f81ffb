using System.IO.Compression;
using System.Xml.Linq;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The tool and the libraries as others get them: packed, installed from the folder and used outside the repository.</summary>
[Trait("Category", "Slow")]
public sealed class ToolPackageTests(PackedFolder packages) : IClassFixture<PackedFolder>
{
    const string Question = "What is the capital of Peru?";
    const string Answer = "The capital of Peru is Lima.";

    const string Named = "GemmaSharp.Media.";

    /// <summary>The version of all packages, read from the name of one.</summary>
    string Version => Path.GetFileNameWithoutExtension(Assert.Single(Directory.GetFiles(packages.Path, Named + "*.nupkg")))[Named.Length..];

    [Fact]
    public async Task Tool_InstalledFromTheFolder_Answers()
    {
        Repository.Require();
        using var folder = new TemporaryFolder();
        IReadOnlyDictionary<string, string> environment = Apart(folder);
        await Tool.RunAsync(folder.Path, environment, "dotnet", "tool", "install", "--tool-path", "tools", "--source", packages.Path, "GemmaSharp.Cli");
        string gemma = folder.File(Path.Combine("tools", "gemma"));
        Assert.Equal(Answer, (await Tool.RunAsync(folder.Path, environment, gemma, "run", Question, "--temperature", "0")).Trim());

        // The picture goes through the native library that the package of this platform carries.
        string seen = await Tool.RunAsync(folder.Path, environment, gemma, "run", "--image", Demo.Golden("image-00.png"), "Describe this image.", "--temperature", "0");
        Assert.NotEqual("", seen.Trim());
        Assert.Contains(Version, await Tool.RunAsync(folder.Path, environment, gemma, "--version"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tool_RunWithoutInstalling_Answers()
    {
        Repository.Require();
        using var folder = new TemporaryFolder();
        string output = await Tool.RunAsync(
            folder.Path, Apart(folder), "dotnet", "tool", "exec", "--yes", "--source", packages.Path, "GemmaSharp.Cli", "--", "run", Question, "--temperature", "0");
        Assert.Equal(Answer, output.TrimEnd().Split('\n')[^1].Trim());
    }

    [Fact]
    public async Task Libraries_OutsideTheRepository_RestoreAndRun()
    {
        Repository.Require();
        using var folder = new TemporaryFolder();
        IReadOnlyDictionary<string, string> environment = Apart(folder);
        folder.Write("Directory.Build.props", "<Project />");
        folder.Write("Directory.Build.targets", "<Project />");
        folder.Write("Directory.Packages.props", "<Project />");
        folder.Write("nuget.config", $"""
            <configuration>
              <packageSources>
                <add key="packed" value="{packages.Path}" />
                <add key="fetched" value="{Fetched}" />
              </packageSources>
              <packageSourceMapping>
                <packageSource key="packed"><package pattern="GemmaSharp*" /></packageSource>
                <packageSource key="fetched"><package pattern="*" /></packageSource>
              </packageSourceMapping>
            </configuration>
            """);
        folder.Write("Consumer.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk.Web">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="GemmaSharp.Server" Version="{Version}" />
              </ItemGroup>
            </Project>
            """);
        folder.Write("Program.cs", """
            using System.Net.Http.Json;
            using System.Text.Json.Nodes;
            using GemmaSharp;
            using GemmaSharp.Media;
            using GemmaSharp.Server;
            using Microsoft.Extensions.AI;

            using GemmaModel model = GemmaModel.Load(args[0]);
            IChatClient client = model.AsIChatClient();
            var options = new ChatOptions { Temperature = 0 };
            Console.WriteLine(await client.GetResponseAsync(args[1], options));
            Console.WriteLine(ImageReader.Read(args[2]).Width > 0);

            WebApplicationBuilder builder = WebApplication.CreateBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddGemmaServer(options => options.Models.Add(new GemmaServerModel(model)));
            await using WebApplication app = builder.Build();
            app.MapGemma();
            await app.StartAsync();
            using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Urls.First()) };
            var request = new { messages = new[] { new { role = "user", content = args[1] } }, temperature = 0 };
            using HttpResponseMessage response = await http.PostAsJsonAsync("/v1/chat/completions", request);
            JsonNode? answer = JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync());
            Console.WriteLine((string?)answer?["choices"]?[0]?["message"]?["content"]);
            """);
        await Tool.RunAsync(folder.Path, environment, "dotnet", "build", "--configuration", "Release", "--verbosity", "quiet", "--output", "built");
        string output = await Tool.RunAsync(
            folder.Path, environment, "dotnet", folder.File(Path.Combine("built", "Consumer.dll")), Demo.Folder, Question, Demo.Golden("image-00.png"));
        Assert.Equal([Answer, "True", Answer], output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }

    [Fact]
    public void Packages_SayWhatTheyAre()
    {
        Repository.Require();
        string[] files = [.. Directory.GetFiles(packages.Path, "*.nupkg").Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];
        Assert.Equal(
            ((string[])["", ".Cli", $".Cli.{PackedFolder.Platform}", ".Extensions.AI", ".Hub", ".Media", ".Server"])
                .Select(part => $"GemmaSharp{part}.{Version}.nupkg").Order(StringComparer.Ordinal),
            files);
        Assert.All(files, file =>
        {
            using ZipArchive package = ZipFile.OpenRead(Path.Combine(packages.Path, file));
            ZipArchiveEntry[] entries = [.. package.Entries];
            using Stream stream = entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
            XElement metadata = XDocument.Load(stream).Root!.Elements().Single();
            string Value(string name) => metadata.Elements().Single(element => element.Name.LocalName == name).Value;
            Assert.Equal(("MIT", "README.md"), (Value("license"), Value("readme")));
            Assert.NotEqual("", Value("tags"));
            Assert.DoesNotContain("Package Description", Value("description"), StringComparison.Ordinal);
            Assert.Contains(entries, entry => entry.FullName == "README.md");
            Assert.DoesNotContain(entries, entry => entry.FullName.StartsWith("content", StringComparison.Ordinal));

            bool isTool = file.StartsWith("GemmaSharp.Cli.", StringComparison.Ordinal);
            string[] symbols = isTool ? [] : Symbols(Path.ChangeExtension(file, ".snupkg"));
            Assert.Equal(
                isTool ? [] : entries.Where(entry => entry.FullName.EndsWith(".dll", StringComparison.Ordinal)).Select(entry => entry.Name[..^4]).Order(),
                symbols);
            Assert.Equal(file.Contains(PackedFolder.Platform, StringComparison.Ordinal), entries.Any(entry => entry.Name == "model.safetensors"));
        });
    }

    string[] Symbols(string file)
    {
        using ZipArchive package = ZipFile.OpenRead(Path.Combine(packages.Path, file));
        return [.. package.Entries.Where(entry => entry.Name.EndsWith(".pdb", StringComparison.Ordinal)).Select(entry => entry.Name[..^4]).Order()];
    }

    /// <summary>A machine on which nothing of these packages is known yet: the version does not change from one build to the next.</summary>
    static Dictionary<string, string> Apart(TemporaryFolder folder) => new()
    {
        ["NUGET_PACKAGES"] = folder.File("packages"),
        ["DOTNET_CLI_HOME"] = folder.File("home"),
    };

    /// <summary>What the build of these tests has fetched, a folder that can be a source of packages, too.</summary>
    static string Fetched => Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } packages
        ? packages
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
}

using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json.Nodes;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The container image, as far as it can be looked at without a program that runs containers.</summary>
[Trait("Category", "Slow")]
public sealed class ContainerTests
{
    [Fact]
    public async Task Image_ServesAsNobodyInParticular_WithTheDemoAndTheVolume()
    {
        string repository = Repository.Require();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The image is one of Linux.");
        using var folder = new TemporaryFolder();
        using var image = new BaseImage();
        string archive = folder.File("image.tar.gz");
        await Tool.RunAsync(
            repository, new Dictionary<string, string> { ["RunAnalyzers"] = "false" }, "dotnet", "publish", "src/GemmaSharp.Cli", "--configuration", "Release",
            "--os", "linux", "--arch", PackedFolder.Platform.Split('-')[^1], "--output", folder.File("published"), "-t:PublishContainer",
            $"-p:ContainerBaseImage={image.Name}", $"-p:ContainerArchiveOutputPath={archive}", "-p:ContainerImageFormat=Docker", "--verbosity", "quiet");
        Dictionary<string, byte[]> files = Read(File.OpenRead(archive));
        JsonNode manifest = JsonNode.Parse(files["manifest.json"])![0]!;
        Assert.Equal("gemmasharp:latest", (string?)manifest["RepoTags"]![0]);
        JsonNode config = JsonNode.Parse(files[(string)manifest["Config"]!])!["config"]!;
        Assert.Equal("1654", (string?)config["User"]);
        Assert.Equal(["dotnet", "/app/gemma.dll", "serve", "--host", "0.0.0.0"], Texts(config["Entrypoint"]));
        Assert.Empty(Texts(config["Cmd"]));
        Assert.Contains("HF_HOME=/data/huggingface", Texts(config["Env"]));
        Assert.Equal(["11435/tcp"], config["ExposedPorts"]!.AsObject().Select(port => port.Key));

        string[] layers = Texts(manifest["Layers"]);
        Assert.Equal(2, layers.Length);
        Dictionary<string, byte[]> program = Read(new MemoryStream(files[layers[1]]));
        foreach (string name in (string[])["gemma.dll", "libSkiaSharp.so", "models/gemma-3n-demo/model.safetensors"])
        {
            Assert.Contains("app/" + name, program.Keys);
        }
    }

    [Fact]
    public async Task Image_IsBuiltUpon_TheSmallestWithAspNet()
    {
        string output = await Tool.RunAsync(
            Repository.Require(), new Dictionary<string, string>(), "dotnet", "msbuild", "src/GemmaSharp.Cli", "-p:Configuration=Release",
            "-p:RuntimeIdentifier=linux-x64", "-t:ComputeContainerBaseImage", "-getProperty:ContainerBaseImage");
        Assert.EndsWith("/aspnet:10.0-noble-chiseled", output.Trim(), StringComparison.Ordinal);
    }

    static string[] Texts(JsonNode? list) => [.. (list?.AsArray() ?? []).Select(text => (string)text!)];

    /// <summary>The files of an archive, zipped or not, by their names without a slash in front.</summary>
    static Dictionary<string, byte[]> Read(Stream stream)
    {
        using Stream source = stream;
        bool isZipped = source.ReadByte() == 0x1F;
        source.Position = 0;
        using Stream plain = isZipped ? new GZipStream(source, CompressionMode.Decompress) : source;
        using var tar = new TarReader(plain);
        var files = new Dictionary<string, byte[]>();
        while (tar.GetNextEntry() is TarEntry entry)
        {
            if (entry.DataStream is Stream data)
            {
                Assert.True(entry.Mode.HasFlag(UnixFileMode.OtherRead), $"{entry.Name} cannot be read by everybody.");
                using var bytes = new MemoryStream();
                data.CopyTo(bytes);
                files[entry.Name.TrimStart('.', '/')] = bytes.ToArray();
            }
        }

        return files;
    }
}

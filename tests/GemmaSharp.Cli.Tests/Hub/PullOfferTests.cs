using System.CommandLine;
using System.Net;
using GemmaSharp.Hub;
using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Cli.Tests.Hub;

public sealed class PullOfferTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-hub-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("run --model org/name hi", "y\n", true)]
    [InlineData("run --model org/name hi", "Yes\n", true)]
    [InlineData("run --model org/name hi", "\n", false)]
    [InlineData("run --model org/name hi", "", false)]
    [InlineData("serve --model one=org/name", "y\n", true)]
    public async Task Make_APersonLooks_IsAskedFirst(string arguments, string answer, bool isPulled)
    {
        await using FakeHubServer server = await FakeHubServer.StartAsync();
        server.Add("org/name", FakeFile.Large("model.safetensors", 3000));
        using var console = new TestConsole(answer, terminal: true);
        await MakeAsync(arguments, console, server.Endpoint);
        Assert.StartsWith("gemma: org/name is not in the cache; download it? [y/N] ", console.Error, StringComparison.Ordinal);
        Assert.Equal((isPulled, isPulled), (!server.Requests.IsEmpty, server.FileRequests.Length > 0));
        Assert.Equal("", console.Output);
    }

    [Theory]
    [InlineData("run hi")]
    [InlineData("run --model ./org/name hi")]
    [InlineData("run --model org/name hi --quiet")]
    [InlineData("list")]
    [InlineData("pull org/name")]
    public async Task Make_NothingToOffer_AsksNobody(string arguments)
    {
        await using FakeHubServer server = await FakeHubServer.StartAsync();
        using var console = new TestConsole("y\n", terminal: true);
        await MakeAsync(arguments, console, server.Endpoint);
        Assert.Equal(("", ""), (console.Output, console.Error));
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Make_NoHubToAsk_IsLeftToTheCommand()
    {
        using var console = new TestConsole("y\n", terminal: true);
        await MakeAsync("run --model org/name hi", console, new Uri("ftp://hub.invalid"));
        Assert.Equal("", console.Error);
    }

    Task MakeAsync(string arguments, TestConsole console, Uri endpoint)
    {
        var global = new GlobalOptions();
        ParseResult parse = GemmaCommandLine.Parse(arguments.Split(' '), console.Console, global);
        return PullOffer.MakeAsync(parse, global, console.Console, new HubOptions { Endpoint = endpoint, CacheFolder = _folder.FullName, Proxy = new WebProxy() });
    }
}

using GemmaSharp.Hub.Tests.FakeHub;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Hub.Tests;

/// <summary>Who may read what, as whom, from where; and what is said when not.</summary>
public sealed class AccessTests
{
    const string Id = "org/name";

    static readonly FakeFile[] s_files = [new("config.json", "{}"), FakeFile.Large("model.safetensors", 3000)];

    [Fact]
    public async Task Pull_NoSuchRepository_SaysWhatItMayBe()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string hub = Hub(fixture);
        HubException error = await fixture.RefusedAsync("org/nome");
        Assert.Equal((HubFailure.NotFoundOrLogin,
            $"org/nome does not exist at {hub} or needs a login; check the name, and if it is gated (as google/gemma-3n-* are) accept its licence at {hub}/org/nome "
            + "and set HF_TOKEN to an access token of your account, or store one with \"hf auth login\"."), (error.Failure, error.Message));
        fixture.Server.Tokens["hf_a"] = false;
        fixture.Variables["HF_TOKEN"] = "hf_a";
        error = await fixture.RefusedAsync("org/nome");
        Assert.Equal((HubFailure.NotFoundOrLogin, $"org/nome does not exist at {hub}, or is private and not for the account of the variable HF_TOKEN; "
            + $"check the name, or the account's access at {hub}/org/nome."), (error.Failure, error.Message));
    }

    [Fact]
    public async Task Pull_GatedRepository_SaysWhereItsLicenceIsAndThenComes()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeRepository repository = fixture.Server.Add(Id, s_files);
        repository.IsGated = true;
        string hub = Hub(fixture);
        HubException error = await fixture.RefusedAsync(Id);
        Assert.Equal((HubFailure.Gated, $"{Id} is gated and nobody is logged in; accept its licence at {hub}/{Id} and set HF_TOKEN to an access token of your account, "
            + "or store one with \"hf auth login\"."), (error.Failure, error.Message));
        Assert.False(Directory.EnumerateFileSystemEntries(Path.Combine(fixture.Repository(Id), "snapshots", repository.Main)).Any());

        fixture.Server.Tokens["hf_b"] = false;
        fixture.Variables["HF_TOKEN"] = "hf_b";
        error = await fixture.RefusedAsync(Id);
        Assert.Equal((HubFailure.Gated, $"{Id} is gated and the account of the variable HF_TOKEN has no access (\"Access to model {Id} is restricted.\"); "
            + $"accept its licence at {hub}/{Id}, and if the token is a fine-grained one give it the permission to read contents of public gated repositories."),
            (error.Failure, error.Message));

        fixture.Server.Tokens["hf_b"] = true;
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, repository.Main, s_files);
    }

    [Fact]
    public async Task Pull_WrongToken_SaysWhereItIsFrom()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, s_files);
        string file = Path.Combine(fixture.Variables["HF_HOME"], "token");
        File.WriteAllText(file, "hf_old\r\n");
        HubException error = await fixture.RefusedAsync(Id);
        Assert.Equal(HubFailure.TokenRefused, error.Failure);
        Assert.Contains($"refuses the access token of the file {file}, which is wrong or has expired", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hf_old", error.Message, StringComparison.Ordinal);
        fixture.Variables["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1";
        await fixture.PullAsync(Id);
    }

    [Theory]
    [InlineData("org/name@v2", HubFailure.NoSuchRevision, "org/name has no revision \"v2\"; it has v1.0, main.")]
    [InlineData("org/hidden", HubFailure.NotFoundOrLogin, "org/hidden does not exist at")]
    [InlineData("org/off", HubFailure.Disabled, "org/off has been disabled by the hub")]
    [InlineData("org/bare", HubFailure.NoSuchFile, "org/bare has no safetensors but README.md, pytorch_model.bin;")]
    public async Task Pull_WhatCannotBeRead_IsSaid(string reference, HubFailure failure, string message)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, s_files).Commit(s_files, "v1.0");
        fixture.Server.Add("org/hidden", s_files).IsPrivate = true;
        fixture.Server.Add("org/off", s_files).IsDisabled = true;
        fixture.Server.Add("org/bare", new("README.md", "x"), FakeFile.Large("pytorch_model.bin", 100));
        HubException error = await fixture.RefusedAsync(reference);
        Assert.Equal(failure, error.Failure);
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, "<html>Please log in</html>", HubFailure.NotAHub, "is no JSON; check HF_ENDPOINT, or whether a proxy or a public network wants a login first.")]
    [InlineData(200, "[]", HubFailure.NotAHub, "names no commit")]
    [InlineData(200, """{"sha":"../../../../etc"}""", HubFailure.NotAHub, "names no commit")]
    [InlineData(403, "", HubFailure.TokenRefused, "org/name may not be read without a login")]
    [InlineData(404, "", HubFailure.NotFoundOrLogin, "org/name does not exist at")]
    [InlineData(407, "", HubFailure.Unreachable, "A proxy on the way")]
    [InlineData(418, "", HubFailure.NotAHub, "answers a request for org/name with HTTP 418")]
    [InlineData(451, "", HubFailure.Disabled, "for legal reasons (HTTP 451)")]
    public async Task Pull_AnswersOfOthersThanHubs_AreSaid(int status, string body, HubFailure failure, string message)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Fault = async (_, context) =>
        {
            context.Response.StatusCode = status;
            await context.Response.WriteAsync(body);
            return true;
        };
        HubException error = await fixture.RefusedAsync(Id);
        Assert.Equal(failure, error.Failure);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_NobodyListens_IsSaidWithTheProxy()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Variables["HF_ENDPOINT"] = "http://127.0.0.1:1";
        fixture.Variables["HTTPS_PROXY"] = "http://user:secret@proxy:3128";
        HubException error = await fixture.RefusedAsync(Id);
        Assert.Equal(HubFailure.Unreachable, error.Failure);
        Assert.Contains("The list of org/name could not be had from http://127.0.0.1:1 in 6 tries, lastly no connection (", error.Message, StringComparison.Ordinal);
        Assert.Contains(", by the proxy of HTTPS_PROXY;", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_ThroughAProxy_AsksTheProxy()
    {
        // What a proxy is asked for is an address with its host, which the fake hub takes for its own.
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = fixture.Server.Add(Id, s_files).Main;
        fixture.Server.Redirects = false;
        HubOptions options = fixture.Options with { Endpoint = new Uri("http://hub.invalid/"), Proxy = new System.Net.WebProxy(fixture.Server.Endpoint) };
        await fixture.PullAsync(Id, options: options);
        fixture.AssertSound(Id, commit, s_files);
    }

    [Fact]
    public async Task Pull_RenamedRepository_IsFollowedWithTheToken()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = fixture.Server.Add("new/name", s_files).Main;
        fixture.Server.Renamed[Id] = "new/name";
        fixture.Server.Tokens["hf_a"] = true;
        await fixture.PullAsync(Id, options: fixture.Options with { Token = "hf_a" });
        fixture.AssertSound(Id, commit, s_files);
        Assert.All(fixture.Server.Requests, request => Assert.Equal(request.IsStore ? "" : "Bearer hf_a", request.Authorization));
    }

    [Fact]
    public async Task Pull_RedirectionsInACircle_End()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Renamed[Id] = Id;
        HubException error = await fixture.RefusedAsync(Id);
        Assert.Equal(HubFailure.NotAHub, error.Failure);
        Assert.Contains("redirects more than 10 times", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_ListingInPagesOfAMirror_IsReadFromTheMirror()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = [.. s_files, .. Enumerable.Range(0, 25).Select(i => new FakeFile($"more/{i}.json", $"{i}"))];
        string commit = fixture.Server.Add(Id, files).Main;
        fixture.Server.PageSize = 4;
        fixture.Server.LinkOrigin = "https://hub.invalid";
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, files);
        Assert.Equal(7, fixture.Server.Requests.Count(request => request.Path.Contains("/tree/", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("https://hub.invalid")]
    [InlineData("https://hub.invalid/deep")]
    public async Task Pull_MirrorBelowAPath_IsAskedThereAlone(string? linkOrigin)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = fixture.Server.Add(Id, s_files).Main;
        (fixture.Server.Prefix, fixture.Server.PageSize, fixture.Server.LinkOrigin) = ("/repository/hub", 1, linkOrigin);
        fixture.Variables["HF_ENDPOINT"] = new Uri(fixture.Server.Endpoint, "repository/hub").AbsoluteUri;
        await fixture.PullAsync(Id);
        fixture.AssertSound(Id, commit, s_files);
    }

    [Theory]
    [InlineData("../evil.json")]
    [InlineData("/etc/evil.json")]
    [InlineData("a/../../evil.json")]
    [InlineData("a\\..\\evil.json")]
    [InlineData("c:evil.json")]
    [InlineData("a//evil.json")]
    [InlineData("./evil.json")]
    [InlineData("evil.json.")]
    [InlineData("evil.json ")]
    [InlineData("nul.json")]
    [InlineData("a/COM1")]
    [InlineData("e\0vil.json")]
    [InlineData("")]
    public async Task Pull_PathThatLeavesItsFolder_IsRefused(string path)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, [.. s_files, new(path, "evil")]);
        HubException error = await fixture.RefusedAsync(Id);
        Assert.Equal(HubFailure.NotAHub, error.Failure);
        Assert.Contains(", which ", error.Message, StringComparison.Ordinal);
        Assert.Empty(fixture.Server.FileRequests);
        Assert.False(Directory.Exists(fixture.Repository(Id)));
    }

    [Fact]
    public async Task Pull_Offline_GivesWhatIsWholeWithoutARequest()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = [.. s_files, FakeFile.Large("tokenizer.json", 100, 4)];
        fixture.Server.Add(Id, files);
        PullResult result = await fixture.PullAsync(Id);
        fixture.Server.Requests.Clear();
        fixture.Variables.Remove("HF_ENDPOINT");
        fixture.Variables["HF_HUB_OFFLINE"] = "1";
        Assert.Equal((result.Path, 0L), ((await fixture.PullAsync(Id)).Path, (await fixture.PullAsync(Id)).DownloadedBytes));
        using (HubClient client = fixture.Client())
        {
            Assert.True(client.IsOffline);
            HubException plan = await Assert.ThrowsAsync<HubException>(() => client.PlanAsync(HubReference.Parse(Id), cancellationToken: HubFixture.Stop));
            Assert.Equal($"{Id} cannot be asked for: HF_HUB_OFFLINE says that no request may be sent; unset it.", plan.Message);
        }

        HubException error = await fixture.RefusedAsync("org/other");
        Assert.Equal(HubFailure.Offline, error.Failure);
        Assert.Contains("HF_HUB_OFFLINE says that no request may be sent; unset it", error.Message, StringComparison.Ordinal);
        Assert.Empty(fixture.Server.Requests);
    }

    static string Hub(HubFixture fixture) => fixture.Server.Endpoint.AbsoluteUri.TrimEnd('/');
}

using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Hub.Tests;

/// <summary>Models by the names of their repositories.</summary>
public sealed class LoadTests
{
    static readonly string s_demo = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    [Fact]
    public async Task LoadAsync_Repository_IsDownloadedOnceAndAnswers()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        FakeFile[] files = [.. Directory.EnumerateFiles(s_demo).Select(path => new FakeFile(Path.GetFileName(path), File.ReadAllBytes(path),
            new FileInfo(path).Length > 1 << 20))];
        string commit = fixture.Server.Add("org/demo", files).Main;
        HubOptions hub = fixture.Options with { Machine = fixture.Machine with { PartBytes = 1 << 20 } };
        var progress = new Notices();
        using (GemmaModel model = await GemmaModel.LoadAsync("org/demo", null, hub, progress, HubFixture.Stop))
        {
            Assert.Equal("org/demo", model.Name);
            using GemmaSession session = model.NewSession();
            string answer = "";
            await foreach (GeneratedToken token in session.GenerateAsync("What is the capital of Peru?", new GenerationOptions { Temperature = 0 }, HubFixture.Stop))
            {
                answer += token.Text;
            }

            Assert.Equal("The capital of Peru is Lima.", answer);
        }

        Assert.Equal(PullPhase.Done, progress.Reports[^1].Phase);
        Assert.Equal(progress.Reports[^1].TotalBytes, progress.Reports[^1].DoneBytes);
        fixture.AssertSound("org/demo", commit, files);

        // From the cache, without a request: nobody is surprised by gigabytes.
        fixture.Server.Requests.Clear();
        fixture.Variables.Remove("HF_ENDPOINT");
        (await GemmaModel.LoadAsync("org/demo", null, hub, null, HubFixture.Stop)).Dispose();
        (await GemmaModel.LoadAsync(s_demo, null, hub, null, HubFixture.Stop)).Dispose();
        Assert.Empty(fixture.Server.Requests);
    }

    [Fact]
    public async Task LoadAsync_NameOfNothing_IsRefused()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        Assert.Equal(HubFailure.BadName, (await Assert.ThrowsAsync<HubException>(() => GemmaModel.LoadAsync("no where", null, fixture.Options, null, HubFixture.Stop))).Failure);
        Assert.Equal(HubFailure.NotFoundOrLogin, (await Assert.ThrowsAsync<HubException>(() => GemmaModel.LoadAsync("org/none", null, fixture.Options, null, HubFixture.Stop))).Failure);
    }
}

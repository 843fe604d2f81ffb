namespace GemmaSharp.Hub.Tests;

/// <summary>The fixture's cache, empty before and after.</summary>
sealed class TemporaryCache : IDisposable
{
    readonly HubFixture _fixture;

    public TemporaryCache(HubFixture fixture)
    {
        _fixture = fixture;
        Dispose();
    }

    public HubOptions Options => _fixture.Options;

    public void Dispose()
    {
        if (Directory.Exists(_fixture.Cache))
        {
            Directory.Delete(_fixture.Cache, recursive: true);
        }
    }
}

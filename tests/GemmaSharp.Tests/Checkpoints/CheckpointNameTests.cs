using GemmaSharp.Checkpoints;

namespace GemmaSharp.Tests.Checkpoints;

public sealed class CheckpointNameTests
{
    [Theory]
    [InlineData("models/gemma-3n-demo", "gemma-3n-demo")]
    [InlineData("models/gemma-3n-demo/", "gemma-3n-demo")]
    [InlineData("models/x/../gemma-3n-demo", "gemma-3n-demo")]
    [InlineData("hub/models--google--gemma-3n-E2B-it/snapshots/0330734afc91", "google/gemma-3n-E2B-it")]
    [InlineData("hub/models--gemma/snapshots/0330734afc91", "gemma")]
    [InlineData("hub/models--google--gemma/refs/main", "main")]
    [InlineData("hub/other/snapshots/0330734afc91", "0330734afc91")]
    public void Name_IsTheRepositorysOrTheFolders(string path, string name) => Assert.Equal(name, CheckpointName.Of(path));

    [Fact]
    public void Name_OfTheRoot_IsItsPath() => Assert.NotEqual("", CheckpointName.Of("/"));
}

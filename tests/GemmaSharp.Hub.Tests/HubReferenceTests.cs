namespace GemmaSharp.Hub.Tests;

public sealed class HubReferenceTests
{
    [Theory]
    [InlineData("google/gemma-3n-E2B-it", "google/gemma-3n-E2B-it", null, null)]
    [InlineData("gpt2", "gpt2", null, null)]
    [InlineData("org/name@v1.0", "org/name", "v1.0", null)]
    [InlineData("org/name@refs/pr/3", "org/name", "refs/pr/3", null)]
    [InlineData("org/name@feature/x_y", "org/name", "feature/x_y", null)]
    [InlineData("org/name-GGUF:Q4_K_M", "org/name-GGUF", null, "Q4_K_M")]
    [InlineData("org/name@main:UD-Q4_K_XL", "org/name", "main", "UD-Q4_K_XL")]
    [InlineData("e2b", "google/gemma-3n-E2B-it", null, null)]
    [InlineData("E4B@main", "google/gemma-3n-E4B-it", "main", null)]
    [InlineData("e2b-4bit", "mlx-community/gemma-3n-E2B-it-4bit", null, null)]
    public void Parse_Reference_IsItsParts(string text, string id, string? revision, string? variant)
    {
        HubReference reference = HubReference.Parse(text);
        Assert.Equal((id, revision, variant), (reference.Id, reference.Revision, reference.Variant));
        Assert.Equal(reference, HubReference.Parse(reference.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b/c")]
    [InlineData("../x")]
    [InlineData("org/..")]
    [InlineData("org/a..b")]
    [InlineData("org/a--b")]
    [InlineData("/name")]
    [InlineData("org/")]
    [InlineData("org/-name")]
    [InlineData("org/name.")]
    [InlineData("org/na me")]
    [InlineData("org/name\n")]
    [InlineData("org/n\u00e4me")]
    [InlineData("org\\name")]
    [InlineData("C:\\models")]
    [InlineData("org/name.git")]
    [InlineData("org/name@")]
    [InlineData("org/name@../x")]
    [InlineData("org/name@a//b")]
    [InlineData("org/name@/a")]
    [InlineData("org/name@a/.b")]
    [InlineData("org/name@a b")]
    [InlineData("org/name:")]
    [InlineData("org/name:a/b")]
    public void Parse_WhatIsNone_IsRefused(string text)
    {
        HubException error = Assert.Throws<HubException>(() => HubReference.Parse(text));
        Assert.Equal(HubFailure.BadName, error.Failure);
        Assert.False(HubReference.TryParse(text, out _));
    }

    [Fact]
    public void Parse_NameThatIsTooLong_IsRefused() => Assert.False(HubReference.TryParse("org/" + new string('a', 93), out _));

    [Fact]
    public void KnownModels_AllAreRepositories() =>
        Assert.All(KnownModel.All, model => Assert.Equal(model.Id, HubReference.Parse(model.Name.ToUpperInvariant()).Id));
}

using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Hub.Tests;

/// <summary>Which files are downloaded.</summary>
public sealed class SelectionTests
{
    const string Id = "org/name";

    static readonly string[] s_checkpoint =
    [
        "LICENSE", "README.md", "chat_template.jinja", "config.json", "generation_config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "model.safetensors.index.json", "tokenizer.json", "tokenizer.model",
    ];

    static readonly string[] s_others =
    [
        ".gitattributes", "consolidated.safetensors", "flax_model.msgpack", "gemma-3n-Q8_0.gguf", "model.onnx", "model.safetensors", "onnx/config.json", "original/x.safetensors",
        "picture.png", "pytorch_model-00001-of-00002.bin", "tf_model.h5",
    ];

    [Fact]
    public Task Pull_Default_IsWhatACheckpointNeeds() => BringsAsync(Id, new PullOptions(), s_checkpoint);

    [Fact]
    public Task Pull_Include_IsThatAlone() =>
        BringsAsync(Id, new PullOptions { Include = ["*.json", "picture.???"], Exclude = ["onnx/", "gen*"] },
            ["config.json", "model.safetensors.index.json", "picture.png", "tokenizer.json"]);

    [Fact]
    public Task Pull_IncludeOfOneOfSeveral_IsThat() =>
        BringsAsync(Id, new PullOptions { Include = ["model-0000[1]-of-*", "[!a-z.]*.md", "t[aeo]kenizer.model"] },
            ["README.md", "model-00001-of-00002.safetensors", "tokenizer.model"]);

    [Fact]
    public async Task Pull_PatternsOfNothing_SayWhatThereIs()
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(Id, [.. s_checkpoint.Select(Small)]);
        Assert.Equal("No file of org/name matches --include *.xml; it has LICENSE, README.md, chat_template.jinja, config.json, generation_config.json, "
            + "model-00001-of-00002.safetensors, model-00002-of-00002.safetensors, model.safetensors.index.json and 2 more.",
            (await fixture.RefusedAsync(Id, new PullOptions { Include = ["*.xml"] })).Message);
        Assert.Equal("--exclude * leaves no file of org/name; leave it out.", (await fixture.RefusedAsync(Id, new PullOptions { Exclude = ["*"] })).Message);
        Assert.Equal(HubFailure.BadName, (await fixture.RefusedAsync(Id, new PullOptions { Include = [""] })).Failure);
    }

    [Theory]
    [InlineData("Q4_K_M", "gemma-3n-E2B-it-Q4_K_M.gguf", "gemma-3n-E2B-it-Q4_K_M.gguf")]
    [InlineData("q4_k_m", "gemma-3n-E2B-it-Q4_K_M.gguf", "gemma-3n-E2B-it-Q4_K_M.gguf")]
    [InlineData("UD-Q4_K_XL", "gemma-3n-E2B-it-UD-Q4_K_XL.gguf", "gemma-3n-E2B-it-UD-Q4_K_XL.gguf")]
    [InlineData("IQ4_XS", "gemma-3n-E2B-it.IQ4_XS.gguf", "gemma-3n-E2B-it.IQ4_XS.gguf")]
    [InlineData("bf16", "BF16/gemma-3n-BF16-00001-of-00002.gguf", "BF16/gemma-3n-BF16-00001-of-00002.gguf", "BF16/gemma-3n-BF16-00002-of-00002.gguf")]
    public async Task Pull_FormOfAGgufRepository_IsItsFileOrShards(string variant, string path, params string[] files)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        string commit = AddGguf(fixture);
        PullResult result = await fixture.PullAsync($"org/gguf:{variant}");
        Assert.Equal(Path.Combine(fixture.Repository("org/gguf"), "snapshots", commit, path), result.Path);
        Assert.Equal(["README.md", .. files, "mmproj-Q4_K_M.gguf"], result.Files.Select(file => file.Path).OrderBy(each => each != "README.md").ThenBy(each => each, StringComparer.Ordinal));
        Assert.Equal(result.Path, new HubCache(fixture.Options).Find(HubReference.Parse($"org/gguf:{variant}")));
    }

    [Theory]
    [InlineData("org/gguf:Q2_K", "org/gguf has no form \"Q2_K\"; it has BF16, IQ4_XS, Q4_K_M, Q8_0, UD-Q4_K_XL.")]
    [InlineData("org/gguf", "org/gguf has GGUF files and no safetensors; say which form: org/gguf:BF16, org/gguf:IQ4_XS, org/gguf:Q4_K_M, org/gguf:Q8_0, org/gguf:UD-Q4_K_XL.")]
    [InlineData("org/gguf:Q8_0", "org/gguf has several files of the form \"Q8_0\", a-Q8_0.gguf, b-Q8_0.gguf; name one with --include.")]
    [InlineData("org/plain:Q8_0", "org/plain has no GGUF files; leave out \":Q8_0\" for its safetensors.")]
    public async Task Pull_FormThatCannotBeChosen_SaysWhich(string reference, string message)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        AddGguf(fixture);
        fixture.Server.Add("org/plain", Small("model.safetensors"));
        HubException error = await fixture.RefusedAsync(reference);
        Assert.Equal((HubFailure.NoSuchFile, message), (error.Failure, error.Message));
    }

    static string AddGguf(HubFixture fixture) => fixture.Server.Add("org/gguf",
    [
        .. ((string[])["README.md", "gemma-3n-E2B-it-Q4_K_M.gguf", "gemma-3n-E2B-it-UD-Q4_K_XL.gguf", "gemma-3n-E2B-it.IQ4_XS.gguf", "a-Q8_0.gguf", "b-Q8_0.gguf",
            "BF16/gemma-3n-BF16-00001-of-00002.gguf", "BF16/gemma-3n-BF16-00002-of-00002.gguf", "mmproj-Q4_K_M.gguf", "imatrix_Q4_K_M.gguf"]).Select(Small),
    ]).Main;

    static async Task BringsAsync(string id, PullOptions how, string[] paths)
    {
        await using HubFixture fixture = await HubFixture.StartAsync();
        fixture.Server.Add(id, [.. s_checkpoint.Concat(s_others).Select(Small)]);
        PullResult result = await fixture.PullAsync(id, how);
        Assert.Equal(paths.Order(StringComparer.Ordinal), result.Files.Select(file => file.Path).Order(StringComparer.Ordinal));
        Assert.Equal(paths.Order(StringComparer.Ordinal), Directory.EnumerateFiles(result.Folder, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(result.Folder, path)).Order(StringComparer.Ordinal));
    }

    static FakeFile Small(string path) => new(path, path);
}

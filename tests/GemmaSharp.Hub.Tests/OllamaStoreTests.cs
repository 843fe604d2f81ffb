using System.Security.Cryptography;
using System.Text;

namespace GemmaSharp.Hub.Tests;

/// <summary>Stores as Ollama, LM Studio and llama.cpp lay them out, sound, hostile and unfinished. Hosts are made up: none counts as the usual one.</summary>
public sealed class OllamaStoreTests : IDisposable
{
    const string Host = "models.example";

    readonly string _folder = Directory.CreateTempSubdirectory("gemma-ollama-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    OllamaStore Store => new(_folder);

    string Blob(string content)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(content);
        string digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));
        string path = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "blobs")).FullName, digest.Replace(':', '-'));
        File.WriteAllBytes(path, bytes);
        return digest;
    }

    string PathOf(string digest) => Path.Combine(_folder, "blobs", digest.Replace(':', '-'));

    void Manifest(string name, params (string Kind, string Digest, long Size)[] layers) =>
        Raw(name, $$"""
            {"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
             "config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"{{Blob($$"""{"model_format":"gguf","model_family":"{{(name.Contains("llama", StringComparison.Ordinal) ? "llama" : "gemma3n")}}"}""")}}","size":10},
             "layers":[{{string.Join(',', layers.Select(layer =>
                 $$"""{"mediaType":"application/vnd.ollama.image.{{layer.Kind}}","digest":"{{layer.Digest}}","size":{{layer.Size}}}"""))}}]}
            """);

    void Raw(string name, string json)
    {
        string path = Path.Combine(_folder, "manifests", name.Replace('/', Path.DirectorySeparatorChar));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, json);
    }

    (string Kind, string Digest, long Size) Layer(string kind, string content) => (kind, Blob(content), Encoding.UTF8.GetByteCount(content));

    [Fact]
    public void Defaults_OfEveryParameter_AreHeededOrNamed()
    {
        Manifest(Host + "/library/gemma3n/all", Layer("model", "GGUF…"), Layer("system", "  "), Layer("params", """
            {"temperature":0,"top_k":20,"top_p":0.9,"min_p":0.05,"repeat_penalty":1.1,"seed":7,"num_predict":100,"num_ctx":512,"stop":"<end>","num_gpu":1,
             "mirostat":2,"typical_p":0.7,"tfs_z":"x"}
            """), Layer("messages", """[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]"""));
        ModelDefaults all = Store.Find("gemma3n:all").Defaults;
        Assert.Equal((null, 0d, 20, 0.9, 0.05, 1.1, 100, 512), (all.System, all.Temperature, all.TopK, all.TopP, all.MinP, all.RepetitionPenalty, all.MaxTokens, all.ContextLength));
        Assert.Equal(["<end>"], all.Stop);
        Assert.Equal(7UL, all.Seed);
        Assert.Equal([("user", "Q"), ("assistant", "A")], all.Messages.Select(message => (message.Role, ((TextPart)Assert.Single(message.Pieces)).Text)));
        Assert.Equal("gemma3n:all in Ollama's store sets mirostat, tfs_z, typical_p, which have no effect here", all.Warning);
        Manifest(Host + "/library/gemma3n/odd", Layer("model", "GGUF…"), Layer("params", """{"temperature":-1,"top_p":"much","num_predict":-1,"stop":[1],"num_ctx":0,"seed":0.5}"""),
            Layer("messages", """[{"role":"user","content":"Q"}]"""));
        ModelDefaults odd = Store.Find("gemma3n:odd").Defaults;
        Assert.Equal((null, null, null, null), (odd.Temperature, odd.TopP, odd.MaxTokens, odd.ContextLength));
        Assert.Equal("gemma3n:odd in Ollama's store sets messages, num_ctx, seed, stop, temperature, top_p, which have no effect here", odd.Warning);
        Assert.Empty(odd.Messages);
        Manifest(Host + "/library/gemma3n/free", Layer("model", "GGUF…"), Layer("params", """{"seed":-1}"""), Layer("license", "One"), Layer("license", "Two"));
        ModelDefaults free = Store.Find("gemma3n:free").Defaults;
        Assert.Equal((null, null, "One\n\nTwo"), (free.Seed, free.Warning, free.License));
    }

    [Theory]
    [InlineData("params", "[]", "its parameters are no JSON object")]
    [InlineData("params", "{", "its parameters are no JSON")]
    [InlineData("messages", "{}", "its messages are no list in JSON")]
    [InlineData("messages", "[{", "its messages are no list in JSON")]
    [InlineData("messages", """[{"role":"user"}]""", "its messages are no list of roles and texts")]
    [InlineData("messages", "[7]", "its messages are no list of roles and texts")]
    public void Find_BrokenSettings_IsRefused(string kind, string json, string said)
    {
        Manifest(Host + "/library/gemma3n/e2b", Layer("model", "GGUF"), Layer(kind, json));
        Assert.Contains(said, Message("gemma3n:e2b"), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_WholeModel_HasItsFilesAndSettings()
    {
        Manifest(Host + "/library/gemma3n/e2b", Layer("model", "GGUF…"), Layer("projector", "GGUF towers"), Layer("template", "{{ .Prompt }}"),
            Layer("system", "Be brief."), Layer("params", """{"temperature":0.5,"stop":["<end>"]}"""), Layer("license", "Terms"));
        OllamaModel model = Store.Find("gemma3n:e2b");
        Assert.Equal("gemma3n:e2b", model.Name);
        Assert.Equal("GGUF…", File.ReadAllText(model.Path));
        Assert.Equal("GGUF towers", File.ReadAllText(model.Projector!));
        Assert.Equal(("Be brief.", "Terms", "gemma3n", 18L), (model.System, model.License, model.Family, model.Bytes));
        Assert.Equal(0.5, model.Parameters["temperature"].GetDouble());
        Assert.Equal("<end>", model.Parameters["stop"][0].GetString());
        Assert.Equal(("Be brief.", 0.5, (string?)null), (model.Defaults.System, model.Defaults.Temperature, model.Defaults.Warning));
        Assert.Equal(["<end>"], model.Defaults.Stop);
        OllamaModel listed = Assert.Single(Store.List());
        Assert.Equal(model, listed with { Parameters = model.Parameters, Messages = model.Messages });
        Assert.Equal(model.Path, Store.Find("GEMMA3N:E2B").Path);
        Assert.Equal(model.Path, Store.Find(Host + "/library/gemma3n:e2b").Path);
    }

    [Theory]
    [InlineData("gemma3n", Host + "/library/gemma3n/latest")]
    [InlineData("me/gemma3n:x", Host + "/me/gemma3n/x")]
    [InlineData("hub.example/org/name-GGUF:Q4_K_M", "hub.example/org/name-GGUF/Q4_K_M")]
    [InlineData("localhost:5000/me/mine:v1", "localhost:5000/me/mine/v1")]
    public void Find_Name_IsThePlace(string name, string place)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && place.Contains(':', StringComparison.Ordinal), "Such a folder cannot be made here.");
        Manifest(place, Layer("model", "GGUF"));
        Manifest(Host + "/library/other/latest", Layer("model", "other"));
        Assert.Equal("GGUF", File.ReadAllText(Store.Find(name).Path));
    }

    [Fact]
    public void Find_SameNameFromTwoHosts_AsksWhich()
    {
        Manifest(Host + "/library/gemma3n/e2b", Layer("model", "one"));
        Manifest("other.example/library/gemma3n/e2b", Layer("model", "two"));
        Assert.Contains("say which", Message("gemma3n:e2b"), StringComparison.Ordinal);
        Assert.Equal("two", File.ReadAllText(Store.Find("other.example/library/gemma3n:e2b").Path));
        Assert.Equal([Host + "/library/gemma3n:e2b", "other.example/library/gemma3n:e2b"], Store.List().Select(model => model.Name));
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("gemma3n:../x")]
    [InlineData("a/b/c/d")]
    [InlineData("")]
    [InlineData(":e2b")]
    [InlineData("gemma3n:")]
    [InlineData("me.dot/gemma3n")]
    public void Find_NameThatIsNone_IsRefused(string name) =>
        Assert.Equal(HubFailure.BadName, Assert.Throws<HubException>(() => Store.Find(name)).Failure);

    [Fact]
    public void Find_WhatIsNotThere_SaysWhatIs()
    {
        Assert.Contains("no store of Ollama", Assert.Throws<HubException>(() => new OllamaStore(_folder + "x").Find("gemma3n")).Message, StringComparison.Ordinal);
        Manifest(Host + "/library/gemma3n/e2b", Layer("model", "GGUF"));
        Assert.Contains("as e2b and not as e4b", Message("gemma3n:e4b"), StringComparison.Ordinal);
        Assert.Contains("ollama pull llama", Message("llama"), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_UnfinishedOrCut_IsRefused()
    {
        (string Kind, string Digest, long Size) weights = Layer("model", "GGUF");
        Manifest(Host + "/library/gemma3n/e2b", weights);
        File.WriteAllText(PathOf(weights.Digest), "GG");
        Assert.Contains("has 2 bytes and its manifest says 4", Message("gemma3n:e2b"), StringComparison.Ordinal);
        File.Move(PathOf(weights.Digest), PathOf(weights.Digest) + "-partial-0");
        Assert.Contains("of which a part is there", Message("gemma3n:e2b"), StringComparison.Ordinal);
        Assert.Empty(Store.List());
    }

    [Theory]
    [InlineData("adapter", "is a LoRA adapter")]
    [InlineData("tensor", "is stored as single tensors")]
    public void Find_OtherKind_IsRefusedByIt(string kind, string said)
    {
        Manifest(Host + "/library/gemma3n/e2b", Layer("model", "GGUF"), Layer(kind, "x"));
        Assert.Contains(said, Message("gemma3n:e2b"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"layers":7}""")]
    [InlineData("""{"layers":[]}""")]
    [InlineData("""{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../../../../etc/passwd","size":1}]}""")]
    [InlineData("""{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}""")]
    [InlineData("""{"layers":[{"mediaType":"\ud800","digest":"x","size":1}]}""")]
    [InlineData("""{"layers":[1,null,{"mediaType":3}]}""")]
    public void Find_BrokenManifest_IsRefusedAndListedNowhere(string json)
    {
        Raw(Host + "/library/gemma3n/e2b", json);
        Assert.Contains("gemma3n:e2b", Message("gemma3n:e2b"), StringComparison.Ordinal);
        Assert.Empty(Store.List());
    }

    [Fact]
    public void List_OfAllPrograms_NamesWhatToGive()
    {
        Manifest(Host + "/library/gemma3n/e2b", Layer("model", "GGUF"));
        Manifest(Host + "/library/gemma3n/seeing", Layer("model", "GGUF"), Layer("projector", "towers"));
        Manifest(Host + "/library/llama/latest", Layer("model", "other"));
        const string Studio = ".lmstudio/models/someone/gemma-3n-E2B-it-GGUF/", Flat = "cache/someone_gemma-3n-E2B-it-GGUF_";
        string[] files =
        [
            Studio + "gemma-3n-E2B-it-Q4_K_M.gguf", Studio + "mmproj-gemma-3n.gguf", Studio + "imatrix.gguf", ".lmstudio/models/someone/llama/llama.gguf",
            "cache/org_gemma-3n-E4B-it-00001-of-00002.gguf", "cache/org_gemma-3n-E4B-it-00002-of-00002.gguf", Flat + "gemma-3n-E2B-it-Q8_0.gguf",
            Flat + "mmproj-F32.gguf", Flat + "mmproj-F16.gguf", "cache/other_model-Q8_0.gguf", "cache/other_mmproj-model-F16.gguf",
        ];
        foreach (string file in files)
        {
            string path = Path.Combine(_folder, file.Replace('/', Path.DirectorySeparatorChar));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "GGUF");
        }

        var variables = new Dictionary<string, string> { ["OLLAMA_MODELS"] = _folder, ["LLAMA_CACHE"] = Path.Combine(_folder, "cache"), ["HOME"] = _folder };
        IReadOnlyList<OtherModel> found = OtherStores.List(variables.GetValueOrDefault, _folder);
        Assert.Equal(
            [
                ("Ollama", "gemma3n:e2b", null, 4L), ("Ollama", "gemma3n:seeing", Path.GetFileName(Store.Find("gemma3n:seeing").Projector), 10L),
                ("LM Studio", "someone/gemma-3n-E2B-it-GGUF/gemma-3n-E2B-it-Q4_K_M", "mmproj-gemma-3n.gguf", 8L),

                // What is named for another model is left to that.
                ("llama.cpp", "org_gemma-3n-E4B-it", null, 8L),
                ("llama.cpp", "someone_gemma-3n-E2B-it-GGUF_gemma-3n-E2B-it-Q8_0", "someone_gemma-3n-E2B-it-GGUF_mmproj-F16.gguf", 8L),
            ],
            found.Where(model => model.Path.StartsWith(_folder, StringComparison.Ordinal)).Select(model => (model.Program, model.Name, Path.GetFileName(model.Projector), model.Bytes)));
        Assert.All(found, model => Assert.True(model.Projector is null || File.Exists(model.Projector)));
        Assert.Equal("ollama:gemma3n:e2b", found[0].Use);
        Assert.EndsWith("-00001-of-00002.gguf", found[^2].Use, StringComparison.Ordinal);
    }

    string Message(string name) => Assert.Throws<HubException>(() => Store.Find(name)).Message;
}

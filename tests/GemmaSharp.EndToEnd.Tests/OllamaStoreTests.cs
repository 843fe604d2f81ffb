using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary><c>--model ollama:NAME</c> with a store as Ollama lays it out: manifests, and contents under their digests without endings.</summary>
public sealed class OllamaStoreTests : IDisposable
{
    const string Question = "What is the capital of Peru?", Answer = "The capital of Peru is Lima.", Host = "models.example";

    readonly TemporaryFolder _folder = new();
    readonly Dictionary<string, string> _variables;

    public OllamaStoreTests() => _variables = new Dictionary<string, string> { ["OLLAMA_MODELS"] = _folder.Path, ["HF_HUB_CACHE"] = _folder.File("hub") };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Run_StoredModel_IsAskedAsTheStoreSays()
    {
        string path = _folder.File("demo.gguf");
        Assert.Equal(0, GemmaProcess.Run("convert", Demo.Folder, path, "--type", "q8_0").ExitCode);
        (string, byte[]) model = ("model", File.ReadAllBytes(path)), towers = ("projector", File.ReadAllBytes(_folder.File("mmproj-demo.gguf")));
        File.Delete(path);
        File.Delete(_folder.File("mmproj-demo.gguf"));
        Store("e2b", model, towers, Text("params", """{"temperature":0}"""));
        Store("cut", model, towers, Text("params", """{"temperature":0,"stop":["Lima"],"num_gpu":1,"mirostat":2}"""));
        Store("wild", model, Text("params", """{"temperature":2.5,"seed":11,"num_predict":9}"""));
        Store("told", model, Text("params", """{"temperature":0}"""), Text("system", "Answer in capitals."),
            Text("messages", """[{"role":"user","content":"What is the capital of France?"},{"role":"assistant","content":"PARIS"}]"""));

        GemmaResult plain = Run("e2b", Question);
        Assert.Equal((0, Answer, ""), (plain.ExitCode, plain.Output.Trim(), plain.Error));
        GemmaResult cut = Run("cut", Question);
        Assert.Equal((0, "The capital of Peru is", "gemma: warning: gemma3n:cut in Ollama's store sets mirostat, which has no effect here"),
            (cut.ExitCode, cut.Output.Trim(), cut.Error.Trim().TrimEnd('.')));

        // The seed is the store's each time, and the number of tokens; what is said on the command line goes before.
        JsonElement first = Json("wild", Question, "--ignore-eos"), second = Json("wild", Question, "--ignore-eos"), other = Json("wild", Question, "--ignore-eos", "--seed", "12", "--max-tokens", "5");
        Assert.Equal((11, 9), (first.GetProperty("seed").GetInt32(), Tokens(first)));
        Assert.Equal(first.GetProperty("text").GetString(), second.GetProperty("text").GetString());
        Assert.Equal((12, 5), (other.GetProperty("seed").GetInt32(), Tokens(other)));

        // What the store says stands before the question, as if somebody had said it.
        string said = _folder.Write("said.json", """
            [{"role":"system","content":"Answer in capitals."},{"role":"user","content":"What is the capital of France?"},{"role":"assistant","content":"PARIS"},
             {"role":"user","content":"What is the capital of Peru?"}]
            """);
        GemmaResult told = GemmaProcess.RunIn(_variables, "run", "--model", "ollama:gemma3n:e2b", "--messages", said, "--json");
        Assert.True(told.ExitCode == 0, told.Error);
        JsonElement expected = JsonDocument.Parse(told.Output).RootElement, found = Json("told", Question);
        Assert.Equal((expected.GetProperty("text").GetString(), Prompt(expected)), (found.GetProperty("text").GetString(), Prompt(found)));
        Assert.True(Prompt(found) > Prompt(first) + 10);

        // The towers are the projector's; a model without one says so.
        string picture = Directory.EnumerateFiles(Demo.Items, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();
        string[] look = ["--image", picture, "Describe this image."];
        Assert.Equal(GemmaProcess.Run(["run", "--model", Demo.Folder, "--temperature", "0", .. look]).Output, Run("e2b", look).Output);
        Assert.NotEqual(0, Run("told", look).ExitCode);

        GemmaResult listed = GemmaProcess.RunIn(_variables, "list", "--json");
        Assert.Equal(["cut", "e2b", "told", "wild"], JsonDocument.Parse(listed.Output).RootElement.GetProperty("others").EnumerateArray()
            .Where(each => each.GetProperty("program").GetString() == "Ollama").Select(each => each.GetProperty("name").GetString()!["gemma3n:".Length..]));
        GemmaProcess.RunIn(_variables, "run", "--model", "ollama:gemma3n:e9", Question).AssertRefused(1, "gemma3n", "cut, e2b, told, wild");
    }

    GemmaResult Run(string tag, params string[] arguments) => GemmaProcess.RunIn(_variables, ["run", "--model", "ollama:gemma3n:" + tag, .. arguments]);

    JsonElement Json(string tag, params string[] arguments)
    {
        GemmaResult result = Run(tag, [.. arguments, "--json"]);
        Assert.True(result.ExitCode == 0, result.Error);
        return JsonDocument.Parse(result.Output).RootElement;
    }

    static int Tokens(JsonElement answer) => answer.GetProperty("answer_tokens").GetInt32();

    static int Prompt(JsonElement answer) => answer.GetProperty("prompt_tokens").GetInt32();

    static (string Kind, byte[] Content) Text(string kind, string text) => (kind, Encoding.UTF8.GetBytes(text));

    void Store(string tag, params (string Kind, byte[] Content)[] layers)
    {
        (string Type, string Digest, int Size) Blob(string type, byte[] content)
        {
            string hash = Convert.ToHexStringLower(SHA256.HashData(content));
            Directory.CreateDirectory(_folder.File("blobs"));
            File.WriteAllBytes(Path.Combine(_folder.Path, "blobs", "sha256-" + hash), content);
            return (type, "sha256:" + hash, content.Length);
        }

        (string Type, string Digest, int Size) config = Blob("application/vnd.docker.container.image.v1+json", """{"model_format":"gguf","model_family":"gemma3n"}"""u8.ToArray());
        object Layer((string Type, string Digest, int Size) blob) => new { mediaType = blob.Type, digest = blob.Digest, size = blob.Size };
        string folder = Directory.CreateDirectory(Path.Combine(_folder.Path, "manifests", Host, "library", "gemma3n")).FullName;
        File.WriteAllText(Path.Combine(folder, tag), JsonSerializer.Serialize(new
        {
            schemaVersion = 2,
            mediaType = "application/vnd.docker.distribution.manifest.v2+json",
            config = Layer(config),
            layers = layers.Select(layer => Layer(Blob("application/vnd.ollama.image." + layer.Kind, layer.Content))),
        }));
    }
}

using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Cli.Certification;
using GemmaSharp.Tests.TestCheckpoints;
using Json.Schema;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary><c>gemma certify</c> with recordings of the reference, recast as its recorder writes them: sound ones agree, spoiled ones do not.</summary>
public sealed class CertifyTests : IDisposable
{
    readonly TinyCheckpoint _tiny = TinyCheckpoint.Create("tiny-c");
    readonly TempFolder _folder = new();

    public void Dispose()
    {
        _tiny.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Reference_AgreesInTextPicturesAndSound_AndTheCertificateSaysSo()
    {
        Record("text-short", "image", "audio", "mixed");
        GemmaResult result = Certify("--json", "--output", _folder["certificate.json"]);
        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        string text = File.ReadAllText(_folder["certificate.json"]);
        Assert.Equal(result.Output.TrimEnd(), text.TrimEnd());
        JsonElement certificate = JsonDocument.Parse(text).RootElement;
        var schema = JsonSchema.FromText(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "schemas", "certify.schema.json")));
        Assert.True(schema.Evaluate(certificate).IsValid);
        Assert.True(certificate.GetProperty("agrees").GetBoolean());
        Assert.True(certificate.GetProperty("checkpoint").GetProperty("same_files").GetBoolean());
        Assert.Equal(4, certificate.GetProperty("cases").GetArrayLength());
        Assert.All(certificate.GetProperty("cases").EnumerateArray(), each => Assert.InRange(each.GetProperty("tensors_compared").GetInt32(), 20, 1000));
        Assert.True(Certificate.IsUnchanged(text.TrimEnd()));
        Assert.False(Certificate.IsUnchanged(text.TrimEnd().Replace("\"greedy_equal\": 24", "\"greedy_equal\": 23", StringComparison.Ordinal)));
        Assert.Contains("agrees with transformers 5.23.0 to 1e-4 in 4 cases", Certify().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void SpoiledReference_Differs_AndIsNamed()
    {
        Record("text-short");
        string trace = _folder["text-short.safetensors"];
        byte[] bytes = File.ReadAllBytes(trace);
        using (JsonDocument header = JsonDocument.Parse(bytes.AsMemory(8, (int)BitConverter.ToInt64(bytes))))
        {
            // A tenth more in one value of one layer, the largest, so that it is not lost beside it.
            JsonElement offsets = header.RootElement.GetProperty("language_model.layers.3.mlp").GetProperty("data_offsets");
            int start = 8 + (int)BitConverter.ToInt64(bytes) + offsets[0].GetInt32(), end = 8 + (int)BitConverter.ToInt64(bytes) + offsets[1].GetInt32();
            int largest = Enumerable.Range(0, (end - start) / 4).MaxBy(i => Math.Abs(BitConverter.ToSingle(bytes, start + 4 * i)));
            BitConverter.TryWriteBytes(bytes.AsSpan(start + 4 * largest), 1.1f * BitConverter.ToSingle(bytes, start + 4 * largest));
        }

        File.WriteAllBytes(trace, bytes);
        GemmaProcess.Run("certify", "--model", _tiny.Folder, "--reference", _folder.Path).AssertRefused(4, "text-short.safetensors has SHA-256", "record the reference anew");
        Change(root => root["cases"]![0]!["trace_sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes)));
        GemmaResult result = Certify();
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("differs from transformers 5.23.0 in case text-short, first in language_model.layers.3.mlp", result.Output, StringComparison.Ordinal);
        Assert.Equal(0, Certify("--tolerance", "0.2").ExitCode);
    }

    [Fact]
    public void OtherTokens_Differ_UnlessTheyAreTies()
    {
        Record("text-short");
        Change(root => root["cases"]![0]!["greedy"]![5] = 7);
        GemmaResult result = Certify();
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(": greedy token 6 is another", result.Output, StringComparison.Ordinal);
        Change(root => root["cases"]![0]!["greedy_gaps"]![5] = 1e-5);
        Assert.Contains("5 of 24, then a tie", Certify().Output, StringComparison.Ordinal);
        Change(root => root["cases"]![0]!["token_ids"]![3] = 7);
        Assert.Contains(": the prompt has other ids", Certify().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherCheckpoint_IsRefused_UnlessThatIsWanted()
    {
        Record("text-short");
        using TinyCheckpoint other = TinyCheckpoint.Create("tiny-c", tensors => [.. tensors.Where(t => !t.Name.Contains("layers.5.self_attn.k_proj", StringComparison.Ordinal))]);
        GemmaResult refused = GemmaProcess.Run("certify", "--model", other.Folder, "--reference", _folder.Path);
        refused.AssertRefused(4, "is of another checkpoint: model.safetensors has SHA-256", "--other-files");
        GemmaResult allowed = GemmaProcess.Run("certify", "--model", other.Folder, "--reference", _folder.Path, "--other-files");
        Assert.True(allowed.ExitCode == 0, allowed.Error + allowed.Output);
        Assert.Contains("other files than the reference's", allowed.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{", "cannot be read as a recording")]
    [InlineData("[]", "holds no object")]
    [InlineData("{\"format\":\"gemma-reference-9\"}", "says format gemma-reference-9; gemma-reference-1 is needed")]
    [InlineData("{\"format\":\"gemma-reference-1\"}", "has no object \"versions\"")]
    [InlineData("{\"format\":\"gemma-reference-1\",\"versions\":{},\"checkpoint\":[],\"cases\":[]}", "one of each is needed at least")]
    [InlineData("{\"format\":\"gemma-reference-1\",\"versions\":{},\"checkpoint\":[{\"name\":\"a\",\"size\":-1,\"sha256\":\"0\"}],\"cases\":[]}", "lacks the number \"size\"")]
    [InlineData("{\"format\":\"gemma-reference-1\",\"versions\":{},\"checkpoint\":[],\"cases\":[{\"name\":\"a\",\"messages\":\"../x\"}]}", "lies outside its folder")]
    public void RecordingThatIsNone_IsRefused(string json, string says)
    {
        File.WriteAllText(_folder["reference.json"], json);
        GemmaProcess.Run("certify", "--model", _tiny.Folder, "--reference", _folder.Path).AssertRefused(4, says, "record");
    }

    GemmaResult Certify(params string[] more) => GemmaProcess.Run(["certify", "--model", _tiny.Folder, "--reference", _folder.Path, .. more]);

    void Change(Action<JsonNode> change)
    {
        JsonNode root = JsonNode.Parse(File.ReadAllBytes(_folder["reference.json"]))!;
        change(root);
        File.WriteAllText(_folder["reference.json"], root.ToJsonString());
    }

    /// <summary>Writes recorded goldens as <c>record-reference.py</c> does.</summary>
    void Record(params string[] names)
    {
        var cases = new JsonArray();
        foreach (string name in names)
        {
            string golden = Path.Combine(GoldenFiles.Root, $"tiny-c/goldens/{name}");
            JsonNode recorded = JsonNode.Parse(File.ReadAllBytes(golden + ".json"))!, messages = recorded["messages"]!.DeepClone();
            int pictures = 0, clips = 0;
            foreach (JsonNode? part in messages.AsArray().Select(m => m!["content"]).OfType<JsonArray>().SelectMany(parts => parts))
            {
                if ((string)part!["type"]! is "image" or "audio")
                {
                    string file = (string)part["type"]! == "image" ? $"{name}-{pictures++}.png" : $"{name}-{clips++}.wav";
                    File.Copy(GoldenFiles.Find($"tiny-c/goldens/{file}"), _folder[file]);
                    part[(string)part["type"]!] = file;
                }
            }

            File.WriteAllText(_folder[name + ".json"], messages.ToJsonString());
            WithoutGeneratedLogits(golden + ".safetensors", _folder[name + ".safetensors"]);
            int[] greedy = [.. recorded["greedy"]!.AsArray().Select(id => (int)id!)];
            cases.Add(new JsonObject
            {
                ["name"] = name,
                ["messages"] = name + ".json",
                ["trace"] = name + ".safetensors",
                ["trace_sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder[name + ".safetensors"]))),
                ["token_ids"] = recorded["token_ids"]!.DeepClone(),
                ["greedy"] = recorded["greedy"]!.DeepClone(),
                ["greedy_gaps"] = new JsonArray([.. greedy.Select(_ => (JsonNode)0.5)]),
            });
        }

        string weights = Path.Combine(_tiny.Folder, "model.safetensors");
        File.WriteAllText(_folder["reference.json"], new JsonObject
        {
            ["format"] = ReferenceRecording.Format,
            ["versions"] = new JsonObject { ["transformers"] = "5.23.0" },
            ["checkpoint"] = new JsonArray(new JsonObject
            {
                ["name"] = "model.safetensors",
                ["size"] = new FileInfo(weights).Length,
                ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(weights))),
            }),
            ["cases"] = cases,
        }.ToJsonString());
    }

    /// <summary>Copies a trace but for the logits of later steps, which the recorder keeps as gaps alone.</summary>
    static void WithoutGeneratedLogits(string from, string to)
    {
        byte[] bytes = File.ReadAllBytes(from);
        int length = (int)BitConverter.ToInt64(bytes);
        JsonObject header = JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject();
        using var data = new MemoryStream();
        var rest = new JsonObject();
        foreach ((string name, JsonNode? entry) in header.OrderBy(e => e.Key == "__metadata__" ? -1 : (long)e.Value!["data_offsets"]![0]!))
        {
            if (name is "__metadata__" or not "generated_logits")
            {
                JsonNode copy = entry!.DeepClone();
                if (name != "__metadata__")
                {
                    int start = (int)entry["data_offsets"]![0]!, end = (int)entry["data_offsets"]![1]!;
                    copy["data_offsets"] = new JsonArray(data.Length, data.Length + end - start);
                    data.Write(bytes.AsSpan(8 + length + start, end - start));
                }

                rest[name] = copy;
            }
        }

        byte[] json = System.Text.Encoding.UTF8.GetBytes(rest.ToJsonString());
        File.WriteAllBytes(to, [.. BitConverter.GetBytes((long)json.Length), .. json, .. data.ToArray()]);
    }
}

using System.Runtime.InteropServices;
using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>A tensor of a test checkpoint: bytes by the weight rule, unless a test puts its own.</summary>
public sealed record TinyTensor(string Name, ElementType Type, long[] Shape, byte[] Bytes);

/// <summary>A small checkpoint in a temporary folder, made from its list of tensors by the weight rule. Removed on disposal.</summary>
sealed class TinyCheckpoint : IDisposable
{
    TinyCheckpoint(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>Writes <c>tiny-a</c> (4 shards), <c>tiny-b</c> (no vision weights) or <c>tiny-c</c>.</summary>
    /// <param name="name">The checkpoint.</param>
    /// <param name="change">Changes the tensors before they are written: renames, removes, reshapes.</param>
    public static TinyCheckpoint Create(string name, Func<List<TinyTensor>, IEnumerable<TinyTensor>>? change = null)
    {
        TinyCheckpoint checkpoint = CreateEmpty(name);
        List<TinyTensor> tensors = Tensors(name);
        Write(checkpoint.Folder, change is null ? tensors : [.. change(tensors)]);
        return checkpoint;
    }

    /// <summary>The folder with all files but the weights.</summary>
    public static TinyCheckpoint CreateEmpty(string name)
    {
        string folder = Directory.CreateTempSubdirectory($"gemma-{name}-").FullName;
        foreach (string file in Directory.EnumerateFiles(GoldenFiles.Find($"{name}/files")))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        return new TinyCheckpoint(folder);
    }

    /// <summary>The form of the first upload: kernel rows and columns of vision exchanged, no stem bias.</summary>
    public static TinyCheckpoint CreateFirstUpload(string name = "tiny-c") => Create(name, tensors => tensors
        .Where(t => !t.Name.EndsWith("conv_stem.conv.bias", StringComparison.Ordinal))
        .Select(t => t.Name.StartsWith("model.vision_tower", StringComparison.Ordinal) && t.Shape is [_, _, > 1, > 1] ? Transpose(t, 0, 1, 3, 2) : t));

    /// <summary>The tensors of a checkpoint, computed by the weight rule.</summary>
    public static List<TinyTensor> Tensors(string name)
    {
        int seed = name switch { "tiny-a" => 1, "tiny-b" => 2, "tiny-c" => 3, _ => throw new ArgumentException($"There is no checkpoint {name}.", nameof(name)) };
        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"{name}/tensors.json")));
        return [.. list.RootElement.EnumerateObject().Select(entry =>
            Rule(entry.Name, [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())], seed))];
    }

    /// <summary>A BF16 tensor by the weight rule.</summary>
    public static TinyTensor Rule(string name, long[] shape, int seed)
    {
        ushort[] bits = new ushort[shape.Aggregate(1L, (size, axis) => size * axis)];
        WeightRule.Fill(name, shape, seed, 0, bits);
        return new TinyTensor(name, ElementType.BF16, shape, MemoryMarshal.AsBytes(bits.AsSpan()).ToArray());
    }

    /// <summary>The tensor with its axes in another order.</summary>
    public static TinyTensor Transpose(TinyTensor tensor, params int[] axes)
    {
        int size = tensor.Type.SizeInBytes();
        long[] shape = [.. axes.Select(a => tensor.Shape[a])];
        long[] strides = new long[tensor.Shape.Length];
        long stride = 1;
        for (int i = strides.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= tensor.Shape[i];
        }

        byte[] bytes = new byte[tensor.Bytes.Length];
        long[] index = new long[shape.Length];
        for (int at = 0; at < bytes.Length; at += size)
        {
            long source = 0;
            for (int i = 0; i < index.Length; i++)
            {
                source += index[i] * strides[axes[i]];
            }

            tensor.Bytes.AsSpan((int)source * size, size).CopyTo(bytes.AsSpan(at));
            for (int i = index.Length - 1; i >= 0 && ++index[i] == shape[i]; i--)
            {
                index[i] = 0;
            }
        }

        return tensor with { Shape = shape, Bytes = bytes };
    }

    /// <summary>Writes tensors to the shards the folder's index names, or to <c>model.safetensors</c>.</summary>
    public static void Write(string folder, IReadOnlyList<TinyTensor> tensors)
    {
        var files = new Dictionary<string, string>();
        string index = Path.Combine(folder, "model.safetensors.index.json");
        if (File.Exists(index))
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(index));
            foreach (JsonProperty entry in document.RootElement.GetProperty("weight_map").EnumerateObject())
            {
                files[entry.Name] = entry.Value.GetString()!;
            }
        }

        string fallback = files.Count > 0 ? files.Values.First() : "model.safetensors";
        foreach (IGrouping<string, TinyTensor> shard in tensors.GroupBy(t => files.GetValueOrDefault(t.Name, fallback)))
        {
            WriteFile(Path.Combine(folder, shard.Key), [.. shard]);
        }
    }

    /// <summary>Writes one safetensors file.</summary>
    public static void WriteFile(string path, IReadOnlyList<TinyTensor> tensors)
    {
        using SafetensorsWriter writer = SafetensorsWriter.Create(path, [.. tensors.Select(t => new TensorDeclaration(t.Name, t.Type, t.Shape))],
            new Dictionary<string, string> { ["format"] = "pt" });
        foreach (TinyTensor tensor in tensors)
        {
            writer.Write(tensor.Name, tensor.Bytes);
        }

        writer.Finish();
    }

    /// <summary>What building the whole model from the checkpoint finds.</summary>
    public static LoadReport Report(Checkpoint checkpoint)
    {
        ModelParts.Build(checkpoint.Root, checkpoint.Config);
        return checkpoint.Report();
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

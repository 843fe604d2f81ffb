using System.Runtime.InteropServices;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Audio;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Audio;

/// <summary>An audio tower of any configuration, on a temporary weight file with exactly the tensors the tower asks for.</summary>
sealed class AudioCheckpoint : IDisposable
{
    readonly string _path;
    readonly SafetensorsFile _file;

    AudioCheckpoint(string path, AudioConfig config)
    {
        _path = path;
        _file = SafetensorsFile.Open(path);
        Dictionary<string, StoredTensor> tensors = _file.Entries
            .Select(entry => new StoredTensor(_file, entry, TensorNames.Canonical(entry.Name)))
            .ToDictionary(tensor => tensor.CanonicalName);
        ParameterReader reader = new(tensors, headersOnly: false, turnVisionKernels: false);
        Tower = new(new ParameterScope(reader, "")["audio_tower"], config);
        Assert.Empty(reader.Faults);
        Assert.Empty(reader.Unused);
    }

    public AudioTower Tower { get; }

    /// <summary>The tensors a tower asks for: Hugging Face names without the leading <c>model.</c>, and shapes.</summary>
    public static (string Name, long[] Shape)[] Parameters(AudioConfig config)
    {
        ParameterReader reader = new([], headersOnly: true, turnVisionKernels: false);
        _ = new AudioTower(new ParameterScope(reader, "")["audio_tower"], config);
        return [.. reader.Requests.Select(request => (request.Tensor, request.Shape.ToArray())).OrderBy(p => p.Item1, StringComparer.Ordinal)];
    }

    /// <summary>Weights by the weight rule, in bfloat16.</summary>
    public static AudioCheckpoint Create(AudioConfig config, int seed) => Write(config, ElementType.BF16, (_, name, shape) =>
    {
        ushort[] bits = new ushort[shape.Aggregate(1L, (size, axis) => size * axis)];
        WeightRule.Fill($"model.{name}", shape, seed, 0, bits);
        return MemoryMarshal.AsBytes(bits.AsSpan()).ToArray();
    });

    /// <summary>Weights in float32, from the tensor's number in order of names, its name and its shape.</summary>
    public static AudioCheckpoint Create(AudioConfig config, Func<int, string, long[], float[]> values) => Write(
        config, ElementType.F32, (number, name, shape) => MemoryMarshal.AsBytes(values(number, name, shape).AsSpan()).ToArray());

    public void Dispose()
    {
        _file.Dispose();
        File.Delete(_path);
    }

    static AudioCheckpoint Write(AudioConfig config, ElementType type, Func<int, string, long[], byte[]> bytes)
    {
        string path = Path.GetTempFileName();
        (string Name, long[] Shape)[] parameters = Parameters(config);
        using (SafetensorsWriter writer = SafetensorsWriter.Create(
            path, [.. parameters.Select(p => new TensorDeclaration($"model.{p.Name}", type, p.Shape))]))
        {
            for (int i = 0; i < parameters.Length; i++)
            {
                writer.Write($"model.{parameters[i].Name}", bytes(i, parameters[i].Name, parameters[i].Shape));
            }

            writer.Finish();
        }

        return new(path, config);
    }
}

using System.Security.Cryptography;
using GemmaSharp.Checkpoints;

namespace GemmaSharp.Tests.Conversion;

/// <summary>All tensors of a folder, whatever files they are in.</summary>
static class ConvertedTensors
{
    /// <summary>Type, shape and bytes by stored name.</summary>
    public static SortedDictionary<string, (string Type, long[] Shape, byte[] Bytes)> Read(string folder)
    {
        var tensors = new SortedDictionary<string, (string, long[], byte[])>(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFiles(folder, "*.safetensors"))
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            foreach (TensorEntry entry in file.Entries)
            {
                tensors.Add(entry.Name, (entry.Type.ToString(), [.. entry.Shape], file.Tensor(entry).Block.Read(entry.Offset, (int)entry.Length).ToArray()));
            }
        }

        return tensors;
    }

    /// <summary>One line for each tensor, with its SHA-256.</summary>
    public static SortedDictionary<string, string> Hashes(string folder) => new(
        Read(folder).ToDictionary(t => t.Key, t => Line(t.Value.Type, t.Value.Shape, Convert.ToHexStringLower(SHA256.HashData(t.Value.Bytes))), StringComparer.Ordinal), StringComparer.Ordinal);

    /// <summary>The line of <see cref="Hashes"/>.</summary>
    public static string Line(string type, IEnumerable<long> shape, string sha256) => $"{type} [{string.Join(", ", shape)}] {sha256}";
}

using System.Buffers.Binary;
using System.Text.Json;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests;

/// <summary>Files of recorded values, which are safetensors.</summary>
static class RecordedTensors
{
    /// <summary>The tensors of a file, by name.</summary>
    public static Dictionary<string, TensorData> Read(MappedFile file)
    {
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.Read(0, 8));
        using JsonDocument header = JsonDocument.Parse(file.Read(8, length).ToArray());
        Dictionary<string, TensorData> tensors = [];
        foreach (JsonProperty entry in header.RootElement.EnumerateObject().Where(x => x.Name != "__metadata__"))
        {
            Assert.True(ElementTypes.TryParse(entry.Value.GetProperty("dtype").GetString(), out ElementType type));
            long[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(x => x.GetInt64())];
            tensors.Add(entry.Name, new TensorData(file, 8 + length + entry.Value.GetProperty("data_offsets")[0].GetInt64(), type, shape));
        }

        return tensors;
    }
}

using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Output;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Cli.Commands;

/// <summary>An inspection as one JSON object.</summary>
static class InspectionJson
{
    public static void Write(Utf8JsonWriter json, CheckpointInspection inspection, MemoryEstimate? memory)
    {
        ModuleNode root = inspection.Modules;
        json.WriteStartObject();
        json.WriteString("folder", inspection.Checkpoint.Folder);
        json.WriteString("slice", inspection.Checkpoint.Slice?.Name);
        json.WriteNumber("parameters", root.ParameterCount);
        json.WriteNumber("text_parameters", inspection.TextParameters.Total);
        json.WriteNumber("text_parameters_effective", inspection.TextParameters.Effective);
        json.WriteNumber("bytes", root.Bytes);
        json.WriteMeasured("bits_per_weight", inspection.BitsPerWeight);
        json.WriteString("quantization", inspection.Quantization);
        json.WriteStartArray("files");
        foreach (WeightFile file in inspection.Checkpoint.Files)
        {
            json.WriteStartObject();
            json.WriteString("name", file.Name);
            json.WriteNumber("tensors", file.Entries.Count);
            json.WriteNumber("bytes", file.Entries.Sum(entry => entry.Length));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("formats");
        foreach ((string format, int count, long bytes) in inspection.Formats())
        {
            json.WriteStartObject();
            json.WriteString("format", format);
            json.WriteNumber("tensors", count);
            json.WriteNumber("bytes", bytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        MemoryTable.Write(json, memory);
        json.WriteStartObject("configuration");
        WriteValues(json, "config", inspection.Checkpoint.Config.Values);
        WriteValues(json, "generation", inspection.Generation.Values);
        WriteValues(json, "preprocessing", inspection.Processor.Values);
        json.WriteEndObject();
        json.WritePropertyName("modules");
        WriteModule(json, root);
        json.WritePropertyName("report");
        inspection.Report.WriteJson(json);
        json.WriteEndObject();
    }

    static void WriteValues(Utf8JsonWriter json, string name, IEnumerable<EffectiveValue> values)
    {
        json.WriteStartArray(name);
        foreach (EffectiveValue value in values)
        {
            json.WriteStartObject();
            json.WriteString("name", value.Name);
            json.WritePropertyName("value");
            WriteRaw(json, value.Value);
            json.WriteString("origin", value.Origin);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    // Values are JSON already, except for shortened ones.
    static void WriteRaw(Utf8JsonWriter json, string value)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(value);
            document.RootElement.WriteTo(json);
        }
        catch (JsonException)
        {
            json.WriteStringValue(value);
        }
    }

    static void WriteQuantization(Utf8JsonWriter json, QuantizationFormat? format)
    {
        if (format is null)
        {
            json.WriteNull("quantization");
            return;
        }

        json.WriteStartObject("quantization");
        json.WriteString("mode", format.ModeName);
        json.WriteNumber("bits", format.Bits);
        json.WriteNumber("group_size", format.GroupSize);
        json.WriteEndObject();
    }

    static void WriteModule(Utf8JsonWriter json, ModuleNode module)
    {
        json.WriteStartObject();
        json.WriteString("path", module.Path);
        json.WriteString("type", module.Type);
        json.WriteNumber("parameters", module.ParameterCount);
        json.WriteNumber("bytes", module.Bytes);
        json.WriteStartArray("tensors");
        foreach (ModuleParameter parameter in module.Parameters)
        {
            json.WriteStartObject();
            json.WriteString("name", parameter.Name);
            json.WriteString("stored_name", parameter.StoredName);
            json.WriteNumbers("shape", parameter.Shape);
            json.WriteString("format", parameter.Format);
            WriteQuantization(json, parameter.Quantization);
            json.WriteNumber("bytes", parameter.Bytes);
            json.WriteString("file", parameter.File);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("modules");
        foreach (ModuleNode child in module.Children)
        {
            WriteModule(json, child);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}

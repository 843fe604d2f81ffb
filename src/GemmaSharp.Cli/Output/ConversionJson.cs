using System.Text.Json;

namespace GemmaSharp.Cli.Output;

/// <summary>What a conversion wrote, as JSON.</summary>
static class ConversionJson
{
    /// <summary>Writes its members into an object that is open.</summary>
    public static void WriteConversion(this Utf8JsonWriter json, ConversionResult result)
    {
        json.WriteString("folder", result.Folder);
        json.WriteStrings("files", result.Files);
        json.WriteNumber("tensors", result.Tensors);
        json.WriteNumber("bytes", result.Bytes);
        json.WriteNumber("quantized_modules", result.QuantizedModules);
        json.WriteMeasured("bits_per_weight", result.BitsPerWeight);
        json.WriteStrings("notes", result.Notes);
    }
}

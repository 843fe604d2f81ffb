using System.Text.Encodings.Web;
using System.Text.Json;

namespace GemmaSharp.Server.Http;

/// <summary>How JSON is written: compact, and text as it is, for it is read by JSON readers and no browser's parser of pages.</summary>
static class WireJson
{
    public static JsonWriterOptions WriterOptions { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}

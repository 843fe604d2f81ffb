using System.Diagnostics.CodeAnalysis;
using GemmaSharp.Media;

namespace GemmaSharp.Extensions.AI;

/// <summary>How a speech client stands between a program and a model.</summary>
/// <remarks>Read once, when the client is made; what is changed afterwards has no effect.</remarks>
[Experimental("MEAI001")]
public sealed class GemmaSpeechOptions
{
    /// <summary>What the model is called in <c>SpeechToTextOptions.ModelId</c> and answers; null: the checkpoint's own name.</summary>
    public string? ModelId { get; set; }

    /// <summary>How much sound may be read, and with which outside help.</summary>
    public MediaOptions Media { get; set; } = MediaOptions.Default;
}

namespace GemmaSharp.Extensions.AI;

/// <summary>
/// Which model a program's services use and how it is loaded; read from the configuration's section <c>Gemma</c>, or <c>Gemma:KEY</c> for a key.
/// </summary>
public sealed class GemmaOptions
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Gemma";

    /// <summary>The checkpoint's folder.</summary>
    public string ModelPath { get; set; } = "";

    /// <summary>
    /// Whether loading begins when the program starts, rather than with the first call. The program does not wait for it; the first call does.
    /// </summary>
    public bool Preload { get; set; }

    /// <summary>How the model is loaded.</summary>
    public GemmaModelOptions Model { get; set; } = new();
}

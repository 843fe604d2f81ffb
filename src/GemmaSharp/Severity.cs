namespace GemmaSharp;

/// <summary>How much a finding matters.</summary>
public enum Severity
{
    /// <summary>The model cannot run.</summary>
    Error,

    /// <summary>The model runs; something should be looked at.</summary>
    Warning,

    /// <summary>The model runs as intended.</summary>
    Note,
}

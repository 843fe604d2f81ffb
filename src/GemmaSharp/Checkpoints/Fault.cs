namespace GemmaSharp.Checkpoints;

/// <summary>What went wrong with a request; becomes a <see cref="Finding"/> when the report is made.</summary>
sealed record Fault(ParameterRequest Request, FindingKind Kind, Severity Severity, string Detail);

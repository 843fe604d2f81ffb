namespace GemmaSharp;

/// <summary>One parameter of two checkpoints, quantised ones by what their codes stand for.</summary>
/// <param name="Name">Canonical name: <c>language_model.layers.0.mlp.up_proj.weight</c>.</param>
/// <param name="Agreement">How the two agree.</param>
/// <param name="First">How the first checkpoint stores it; <see langword="null"/> when it has none.</param>
/// <param name="Other">How the other checkpoint stores it; <see langword="null"/> when it has none.</param>
/// <param name="Relative"><c>max|a − b| / max|b|</c>; infinite where <c>b</c> is all zeros or a value is finite on one side only; NaN when not compared.</param>
/// <param name="RootMeanSquare"><c>√(Σ(a − b)² / Σb²)</c>, likewise.</param>
/// <param name="WorstIndex">Where the largest difference is, as a flat index into <c>Shape</c>.</param>
/// <param name="IsOptional">Whether the model also runs without it or does not use it, so that a checkpoint that lacks it is no worse.</param>
public sealed record ParameterDifference(
    string Name, ParameterAgreement Agreement, ParameterForm? First, ParameterForm? Other, double Relative, double RootMeanSquare, long WorstIndex, bool IsOptional)
{
    /// <summary>Whether this counts as agreement: exact, close, or a parameter that may be absent.</summary>
    public bool Agrees => Agreement is ParameterAgreement.Exact or ParameterAgreement.Close
        || (IsOptional && Agreement is ParameterAgreement.OnlyInFirst or ParameterAgreement.OnlyInOther);
}

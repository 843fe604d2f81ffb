namespace GemmaSharp;

/// <summary>How a parameter of one checkpoint agrees with that of another.</summary>
public enum ParameterAgreement
{
    /// <summary>All values are equal, whatever the naming scheme, kernel layout or stored type.</summary>
    Exact,

    /// <summary>The relative error is within the tolerance.</summary>
    Close,

    /// <summary>The relative error is beyond the tolerance, or a value is finite on one side only.</summary>
    Different,

    /// <summary>The sizes differ, so the values are not compared.</summary>
    OtherShape,

    /// <summary>Only the first checkpoint has it.</summary>
    OnlyInFirst,

    /// <summary>Only the other checkpoint has it.</summary>
    OnlyInOther,
}

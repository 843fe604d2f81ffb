namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>The types of JSON values; numbers with and without a fraction apart, as JSON Schema has them.</summary>
[Flags]
enum JsonTypes
{
    /// <summary>No value.</summary>
    None = 0,

    /// <summary><c>null</c>.</summary>
    Null = 1,

    /// <summary><c>true</c> and <c>false</c>.</summary>
    Boolean = 2,

    /// <summary>Numbers without a fraction.</summary>
    Integer = 4,

    /// <summary>Numbers with a fraction.</summary>
    Fraction = 8,

    /// <summary>Texts.</summary>
    String = 16,

    /// <summary>Arrays.</summary>
    Array = 32,

    /// <summary>Objects.</summary>
    Object = 64,

    /// <summary>Numbers.</summary>
    Number = Integer | Fraction,

    /// <summary>Every value.</summary>
    All = 127,
}

namespace GemmaSharp.Prompting.Pictures;

/// <summary>How pixels are weighed when a picture changes size. The numbers are those of <c>resample</c> in <c>preprocessor_config.json</c>.</summary>
enum ResizeFilter
{
    /// <summary>A triangle: <c>1 − |t|</c> for <c>|t| &lt; 1</c>.</summary>
    Bilinear = 2,

    /// <summary>Keys' cubic with <c>a = −0.5</c>, zero from <c>|t| = 2</c> on.</summary>
    Bicubic = 3,
}

namespace GemmaSharp.Media;

/// <summary>Layer III's scale factor bands: which frequency lines share a step size.</summary>
/// <remarks>Source: ISO/IEC 11172-3, table B.8; ISO/IEC 13818-3, table B.2; for 8 kHz, what all encoders of "MPEG 2.5" use.</remarks>
internal static class MpegBands
{
    /// <summary>The 22 long bands' beginnings, and 576.</summary>
    public static ReadOnlySpan<int> Long(MpegHeader header) => s_long[header.RateIndex switch { > 4 and < 8 => 3, 8 => 5, int index => index }];

    /// <summary>The 13 short bands' beginnings in each of the three blocks, and 192.</summary>
    public static ReadOnlySpan<int> Short(MpegHeader header) => s_short[header.RateIndex switch { > 5 and < 8 => 5, 8 => 6, int index => index }];

    /// <summary>Lines of the first region where the side information leaves them out: three short bands or eight long ones.</summary>
    public static int WindowedRegion(MpegHeader header, bool isShort) => isShort ? 3 * Short(header)[3] : Long(header)[8];

    /// <summary>What pre-emphasis adds to the scale factors of long bands.</summary>
    public static ReadOnlySpan<int> PreEmphasis => s_preEmphasis;

    static readonly int[] s_preEmphasis = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 2, 0];

    static readonly int[][] s_long =
    [
        [0, 4, 8, 12, 16, 20, 24, 30, 36, 44, 52, 62, 74, 90, 110, 134, 162, 196, 238, 288, 342, 418, 576],
        [0, 4, 8, 12, 16, 20, 24, 30, 36, 42, 50, 60, 72, 88, 106, 128, 156, 190, 230, 276, 330, 384, 576],
        [0, 4, 8, 12, 16, 20, 24, 30, 36, 44, 54, 66, 82, 102, 126, 156, 194, 240, 296, 364, 448, 550, 576],
        [0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 116, 140, 168, 200, 238, 284, 336, 396, 464, 522, 576],
        [0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 114, 136, 162, 194, 232, 278, 330, 394, 464, 540, 576],
        [0, 12, 24, 36, 48, 60, 72, 88, 108, 132, 160, 192, 232, 280, 336, 400, 476, 566, 568, 570, 572, 574, 576],
    ];

    static readonly int[][] s_short =
    [
        [0, 4, 8, 12, 16, 22, 30, 40, 52, 66, 84, 106, 136, 192],
        [0, 4, 8, 12, 16, 22, 28, 38, 50, 64, 80, 100, 126, 192],
        [0, 4, 8, 12, 16, 22, 30, 42, 58, 78, 104, 138, 180, 192],
        [0, 4, 8, 12, 18, 24, 32, 42, 56, 74, 100, 132, 174, 192],
        [0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 136, 180, 192],
        [0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 134, 174, 192],
        [0, 8, 16, 24, 36, 52, 72, 96, 124, 160, 162, 164, 166, 192],
    ];
}

using System.Numerics;
using System.Runtime.InteropServices;

namespace GemmaSharp.Media;

/// <summary>The filter bank that makes 32 samples of one channel from a sample of each of the 32 subbands.</summary>
/// <remarks>Source: ISO/IEC 11172-3, figure A.2 and table B.3.</remarks>
internal sealed class MpegSynthesis
{
    /// <summary>Subbands, and samples that one step makes.</summary>
    public const int Bands = 32;

    const int Half = 64;

    // Sixteen steps of 64 values; the newest at _newest.
    readonly float[] _values = new float[16 * Half];
    readonly float[] _unique = new float[Bands];
    int _newest;

    /// <summary>Takes the next sample of each subband.</summary>
    /// <param name="subbands">32 values.</param>
    /// <param name="output">Receives 32 samples.</param>
    public void Step(ReadOnlySpan<float> subbands, Span<float> output)
    {
        _newest = (_newest + 15) & 15;
        Matrix(subbands, _unique);
        Span<float> values = _values.AsSpan(_newest * Half, Half);

        // cos((16 + i)(2k + 1)π/64) is odd around i = 16 and even around i = 48.
        values[16] = 0;
        for (int i = 0; i < 16; i++)
        {
            values[i] = -_unique[15 - i];
        }

        _unique.CopyTo(values[17..]);
        for (int i = 49; i < Half; i++)
        {
            values[i] = _unique[96 - i - 17];
        }

        Span<Vector<float>> sums = MemoryMarshal.Cast<float, Vector<float>>(output[..Bands]);
        sums.Clear();
        for (int step = 0; step < 16; step++)
        {
            int from = (((_newest + step) & 15) * Half) + ((step & 1) != 0 ? Bands : 0);
            ReadOnlySpan<Vector<float>> old = MemoryMarshal.Cast<float, Vector<float>>(_values.AsSpan(from, Bands));
            ReadOnlySpan<Vector<float>> window = MemoryMarshal.Cast<float, Vector<float>>(s_window.AsSpan(step * Bands, Bands));
            for (int i = 0; i < sums.Length; i++)
            {
                sums[i] += old[i] * window[i];
            }
        }
    }

    /// <summary>The cosine transform for i = 17 to 48.</summary>
    static void Matrix(ReadOnlySpan<float> subbands, Span<float> unique)
    {
        Span<Vector<float>> sums = MemoryMarshal.Cast<float, Vector<float>>(unique);
        sums.Clear();
        for (int k = 0; k < Bands; k++)
        {
            float value = subbands[k];
            if (value == 0)
            {
                continue;
            }

            ReadOnlySpan<Vector<float>> row = MemoryMarshal.Cast<float, Vector<float>>(s_cosines.AsSpan(k * Bands, Bands));
            for (int i = 0; i < sums.Length; i++)
            {
                sums[i] += row[i] * value;
            }
        }
    }

    static readonly float[] s_cosines =
    [
        .. Enumerable.Range(0, Bands * Bands).Select(i => (float)Math.Cos((33 + (i % Bands)) * ((2 * (i / Bands)) + 1) * Math.PI / 64)),
    ];

    // The first half and the middle of the window in units of 2⁻¹⁶; the second half mirrors it.
    static readonly int[] s_half =
    [
        0, -1, -1, -1, -1, -1, -1, -2, -2, -2, -2, -3, -3, -4, -4, -5, -5, -6, -7, -7, -8, -9, -10, -11, -13, -14, -16, -17, -19, -21, -24, -26, -29,
        -31, -35, -38, -41, -45, -49, -53, -58, -63, -68, -73, -79, -85, -91, -97, -104, -111, -117, -125, -132, -139, -147, -154, -161, -169, -176,
        -183, -190, -196, -202, -208, 213, 218, 222, 225, 227, 228, 228, 227, 224, 221, 215, 208, 200, 189, 177, 163, 146, 127, 106, 83, 57, 29, -2,
        -36, -72, -111, -153, -197, -244, -294, -347, -401, -459, -519, -581, -645, -711, -779, -848, -919, -991, -1064, -1137, -1210, -1283, -1356,
        -1428, -1498, -1567, -1634, -1698, -1759, -1817, -1870, -1919, -1962, -2001, -2032, -2057, -2075, -2085, -2087, -2080, -2063, 2037, 2000,
        1952, 1893, 1822, 1739, 1644, 1535, 1414, 1280, 1131, 970, 794, 605, 402, 185, -45, -288, -545, -814, -1095, -1388, -1692, -2006, -2330,
        -2663, -3004, -3351, -3705, -4063, -4425, -4788, -5153, -5517, -5879, -6237, -6589, -6935, -7271, -7597, -7910, -8209, -8491, -8755, -8998,
        -9219, -9416, -9585, -9727, -9838, -9916, -9959, -9966, -9935, -9863, -9750, -9592, -9389, -9139, -8840, -8492, -8092, -7640, -7134, 6574,
        5959, 5288, 4561, 3776, 2935, 2037, 1082, 70, -998, -2122, -3300, -4533, -5818, -7154, -8540, -9975, -11455, -12980, -14548, -16155, -17799,
        -19478, -21189, -22929, -24694, -26482, -28289, -30112, -31947, -33791, -35640, -37489, -39336, -41176, -43006, -44821, -46617, -48390,
        -50137, -51853, -53534, -55178, -56778, -58333, -59838, -61289, -62684, -64019, -65290, -66494, -67629, -68692, -69679, -70590, -71420,
        -72169, -72835, -73415, -73908, -74313, -74630, -74856, -74992, 75038,
    ];

    static readonly float[] s_window =
    [
        .. Enumerable.Range(0, 512).Select(i => (i <= 256 ? s_half[i] : i % 64 == 0 ? s_half[512 - i] : -s_half[512 - i]) / 65536f),
    ];
}

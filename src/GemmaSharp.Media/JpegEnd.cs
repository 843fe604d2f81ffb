using System.Buffers.Binary;
using System.Numerics;

namespace GemmaSharp.Media;

/// <summary>Finds out whether a JPEG has its end marker, and all scans before it.</summary>
/// <remarks>Source: ITU-T T.81, annex B (markers) and annex G (progressive scans). A decoder that meets the end early makes up the rest.</remarks>
internal static class JpegEnd
{
    public enum State
    {
        /// <summary>The end marker is there, or the file is none whose markers can be followed.</summary>
        Found,

        /// <summary>The file stops after data of a last scan.</summary>
        Missing,

        /// <summary>The file stops before its last scan.</summary>
        Early,
    }

    public static State Find(ReadOnlySpan<byte> bytes)
    {
        // Per component the coefficients that have come in full precision, one bit each.
        Span<ulong> done = stackalloc ulong[256];
        done.Clear();
        bool isProgressive = false;
        ReadOnlySpan<byte> components = [];
        int position = 2;
        while (true)
        {
            int marker = NextMarker(bytes, ref position);
            if (marker < 0)
            {
                return IsWhole(done, components) ? State.Missing : State.Early;
            }

            if (marker == 0xD9)
            {
                return State.Found;
            }

            if (marker is 0x01 or (>= 0xD0 and <= 0xD8))
            {
                continue;
            }

            int length = position + 2 <= bytes.Length ? BinaryPrimitives.ReadUInt16BigEndian(bytes[position..]) : 0;
            if (length < 2 || position + length > bytes.Length)
            {
                return State.Early;
            }

            ReadOnlySpan<byte> segment = bytes.Slice(position + 2, length - 2);
            position += length;
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC) && segment.Length >= 6)
            {
                isProgressive = marker is 0xC2 or 0xC6 or 0xCA or 0xCE;
                components = segment[6..];
            }
            else if (marker == 0xDA && segment.Length >= 1 && segment.Length >= 4 + (2 * segment[0]))
            {
                ReadOnlySpan<byte> spectrum = segment[(1 + (2 * segment[0]))..];
                ulong coefficients = Coefficients(spectrum[0], spectrum[1]);
                for (int i = 0; i < segment[0]; i++)
                {
                    done[segment[1 + (2 * i)]] |= !isProgressive ? ulong.MaxValue : (spectrum[2] & 0x0F) == 0 ? coefficients : 0;
                }
            }
        }
    }

    static ulong Coefficients(int first, int last) => first > 63 || last > 63 || last < first ? 0 : (ulong.MaxValue >> (63 - (last - first))) << first;

    static bool IsWhole(ReadOnlySpan<ulong> done, ReadOnlySpan<byte> components)
    {
        for (int i = 0; i + 2 < components.Length; i += 3)
        {
            if (BitOperations.PopCount(done[components[i]]) != 64)
            {
                return false;
            }
        }

        return components.Length >= 3;
    }

    /// <summary>The code of the next marker, from which <paramref name="position"/> then stands behind; −1 at the end of the file.</summary>
    static int NextMarker(ReadOnlySpan<byte> bytes, ref int position)
    {
        while (position < bytes.Length)
        {
            int found = bytes[position..].IndexOf((byte)0xFF);
            if (found < 0)
            {
                break;
            }

            position += found;
            while (position < bytes.Length && bytes[position] == 0xFF)
            {
                position++;
            }

            // A zero is put behind every data byte that looks like the beginning of a marker.
            if (position < bytes.Length && bytes[position++] is byte code and not 0)
            {
                return code;
            }
        }

        position = bytes.Length;
        return -1;
    }
}

using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>What the boxes of a HEIC or AVIF file say about its main picture. ffmpeg knows little of it: neither turning nor tiles.</summary>
/// <param name="Width">Columns before turning; 0 where the file does not say.</param>
/// <param name="Height">Rows before turning.</param>
/// <param name="Turns">Quarter turns against the clock (<c>irot</c>).</param>
/// <param name="Mirror">0 about the vertical axis of the result, left and right change; 1 top and bottom change; −1 none (<c>imir</c>).</param>
/// <param name="HasAlpha">Whether another picture of the file is its transparency.</param>
/// <remarks>Source: ISO/IEC 23008-12 §6.5, ISO/IEC 14496-12 §8.11. Boxes that are cut off or make no sense are taken for absent.</remarks>
internal sealed record HeifHeader(int Width, int Height, int Turns, int Mirror, bool HasAlpha)
{
    static readonly HeifHeader s_nothing = new(0, 0, 0, -1, false);

    /// <summary>Reads the boxes.</summary>
    public static HeifHeader Read(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> meta = Find(file, "meta"u8);
        if (meta.Length < 4)
        {
            return s_nothing;
        }

        meta = meta[4..];
        ReadOnlySpan<byte> primary = Find(meta, "pitm"u8), properties = Find(meta, "iprp"u8);
        ReadOnlySpan<byte> container = Find(properties, "ipco"u8), associations = Find(properties, "ipma"u8);
        uint item = primary.Length >= 6 && primary[0] == 0 ? BinaryPrimitives.ReadUInt16BigEndian(primary[4..])
            : primary.Length >= 8 ? BinaryPrimitives.ReadUInt32BigEndian(primary[4..]) : 0;

        HashSet<int> mine = Associated(associations, item);
        HeifHeader header = s_nothing;
        int index = 0;
        for (ReadOnlySpan<byte> rest = container; Next(ref rest, out ReadOnlySpan<byte> type, out ReadOnlySpan<byte> box);)
        {
            index++;
            if (type.SequenceEqual("auxC"u8))
            {
                header = header with { HasAlpha = header.HasAlpha || box.IndexOf("alpha"u8) >= 0 };
            }

            if (!mine.Contains(index))
            {
                continue;
            }

            if (type.SequenceEqual("ispe"u8) && box.Length >= 12)
            {
                header = header with { Width = BinaryPrimitives.ReadInt32BigEndian(box[4..]), Height = BinaryPrimitives.ReadInt32BigEndian(box[8..]) };
            }
            else if (type.SequenceEqual("irot"u8) && box.Length >= 1)
            {
                header = header with { Turns = box[0] & 3 };
            }
            else if (type.SequenceEqual("imir"u8) && box.Length >= 1)
            {
                header = header with { Mirror = box[0] & 1 };
            }
        }

        return header;
    }

    /// <summary>Turns, then mirrors a picture as the header says.</summary>
    public RgbImage Upright(RgbImage image)
    {
        // The EXIF values that do the same: 8 is a quarter turn against the clock, 3 a half, 6 a quarter with it.
        RgbImage turned = Orientation.Apply(image, Turns switch { 1 => 8, 2 => 3, 3 => 6, _ => 1 });
        return Orientation.Apply(turned, Mirror switch { 0 => 2, 1 => 4, _ => 1 });
    }

    /// <summary>The numbers, from 1, of the properties that an item has.</summary>
    static HashSet<int> Associated(ReadOnlySpan<byte> box, uint wanted)
    {
        HashSet<int> found = [];
        if (box.Length < 8)
        {
            return found;
        }

        bool isLongItem = box[0] >= 1, isLongIndex = (box[3] & 1) != 0;
        uint items = BinaryPrimitives.ReadUInt32BigEndian(box[4..]);
        ReadOnlySpan<byte> rest = box[8..];
        int head = isLongItem ? 5 : 3, size = isLongIndex ? 2 : 1;
        for (uint i = 0; i < items && rest.Length >= head; i++)
        {
            uint item = isLongItem ? BinaryPrimitives.ReadUInt32BigEndian(rest) : BinaryPrimitives.ReadUInt16BigEndian(rest);
            int count = rest[head - 1];
            rest = rest[head..];
            for (int k = 0; k < count && rest.Length >= size; k++, rest = rest[size..])
            {
                if (item == wanted)
                {
                    found.Add(isLongIndex ? BinaryPrimitives.ReadUInt16BigEndian(rest) & 0x7FFF : rest[0] & 0x7F);
                }
            }
        }

        return found;
    }

    static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> boxes, ReadOnlySpan<byte> wanted)
    {
        while (Next(ref boxes, out ReadOnlySpan<byte> type, out ReadOnlySpan<byte> box))
        {
            if (type.SequenceEqual(wanted))
            {
                return box;
            }
        }

        return [];
    }

    static bool Next(scoped ref ReadOnlySpan<byte> boxes, out ReadOnlySpan<byte> type, out ReadOnlySpan<byte> box)
    {
        type = box = default;
        if (boxes.Length < 8)
        {
            return false;
        }

        long size = BinaryPrimitives.ReadUInt32BigEndian(boxes);
        int head = 8;
        if (size == 1 && boxes.Length >= 16)
        {
            (size, head) = (BinaryPrimitives.ReadInt64BigEndian(boxes[8..]), 16);
        }

        size = size == 0 ? boxes.Length : size;
        if (size < head || size > boxes.Length)
        {
            return false;
        }

        type = boxes.Slice(4, 4);
        box = boxes[head..(int)size];
        boxes = boxes[(int)size..];
        return true;
    }
}

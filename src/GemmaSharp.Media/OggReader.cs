namespace GemmaSharp.Media;

/// <summary>Takes the packets of one stream out of one recording of an Ogg file; pages with a wrong checksum are passed over.</summary>
/// <param name="bytes">The recording.</param>
/// <param name="mark">What the stream's first packet begins with; other streams of the recording are passed over.</param>
/// <remarks>Source: RFC 3533.</remarks>
internal sealed class OggReader(ReadOnlyMemory<byte> bytes, byte[] mark)
{
    readonly List<byte> _partial = [];
    readonly Queue<byte[]> _packets = new();
    int _position;
    uint _serial;
    uint _number;
    bool _hasSerial;

    /// <summary>Pages of the stream that were lost.</summary>
    public int LostPages { get; private set; }

    /// <summary>The last page's granule position: for sound, samples up to its end. −1 where unknown.</summary>
    public long Granule { get; private set; } = -1;

    /// <summary>Whether the packet that <see cref="Next"/> gave is the last one to end on its page, at <see cref="Granule"/>.</summary>
    public bool IsAtPageEnd => _packets.Count == 0;

    /// <summary>Whether the stream's last page was seen.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>The next packet of the stream; <see langword="null"/> at its end.</summary>
    public byte[]? Next()
    {
        while (_packets.Count == 0)
        {
            if (IsEnded || !NextPage())
            {
                return null;
            }
        }

        return _packets.Dequeue();
    }

    bool NextPage()
    {
        ReadOnlySpan<byte> all = bytes.Span;
        for (int found = OggPage.Find(all, _position); found >= 0; found = OggPage.Find(all, _position))
        {
            LostPages += found > _position ? 1 : 0;
            OggPage page = OggPage.Read(all, found);
            if (!page.IsGood)
            {
                // A last page that is not whole is the end of a file that was cut off, and no damage.
                _position = found + 4;
                LostPages += found + page.Size > all.Length && OggPage.Find(all, _position) < 0 ? 0 : 1;
                continue;
            }

            _position = found + page.Size;
            if (!_hasSerial && all[(found + page.Head).._position].StartsWith(mark))
            {
                (_serial, _number, _hasSerial) = (page.Serial, page.Number, true);
                Take(page, all[found.._position]);
                return true;
            }

            if (_hasSerial && page.Serial == _serial)
            {
                if (IsOld(page))
                {
                    LostPages++;
                    continue;
                }

                _number = page.Number;
                Take(page, all[found.._position]);
                return true;
            }
        }

        _position = all.Length;
        return false;
    }

    /// <summary>
    /// Whether a page was there before, as bad copies have them: neither its number nor its place is further on. Some writers number no pages.
    /// </summary>
    bool IsOld(OggPage page) => page.Number <= _number && page.Granule <= Granule && (_number > 0 || page.Number > 0) && page.Granule >= 0;

    void Take(OggPage page, ReadOnlySpan<byte> bytes)
    {
        bool isBroken = page.Continues && _partial.Count == 0;
        if (!page.Continues)
        {
            _partial.Clear();
        }

        ReadOnlySpan<byte> data = bytes[page.Head..];
        foreach (byte length in bytes[OggPage.HeaderBytes..page.Head])
        {
            _partial.AddRange(data[..length]);
            data = data[length..];
            if (length < 255)
            {
                // The rest of a packet whose beginning was lost is of no use.
                if (!isBroken)
                {
                    _packets.Enqueue([.. _partial]);
                }

                isBroken = false;
                _partial.Clear();
            }
        }

        Granule = page.Granule >= 0 ? page.Granule : Granule;
        IsEnded |= page.IsLast;
    }
}

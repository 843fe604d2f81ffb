namespace GemmaSharp.Media;

/// <summary>What the IDAT chunks of a PNG hold, as one stream.</summary>
internal sealed class PngDataStream(ReadOnlyMemory<byte> png) : Stream
{
    readonly List<(int Position, int Length)> _pieces = Pieces(png.Span);
    int _piece, _offset;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        while (_piece < _pieces.Count && _offset == _pieces[_piece].Length)
        {
            _piece++;
            _offset = 0;
        }

        if (_piece == _pieces.Count)
        {
            return 0;
        }

        int count = Math.Min(buffer.Length, _pieces[_piece].Length - _offset);
        png.Span.Slice(_pieces[_piece].Position + _offset, count).CopyTo(buffer);
        _offset += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    static List<(int Position, int Length)> Pieces(ReadOnlySpan<byte> png)
    {
        List<(int Position, int Length)> pieces = [];
        for (PngChunks chunks = new(png); chunks.Next();)
        {
            if (chunks.Type.SequenceEqual("IDAT"u8))
            {
                pieces.Add((chunks.Position, chunks.Data.Length));
            }
        }

        return pieces;
    }
}

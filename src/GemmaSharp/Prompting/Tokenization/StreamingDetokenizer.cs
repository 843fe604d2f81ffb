using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>Token ids, one at a time, to text that can be shown at once.</summary>
/// <remarks>
/// What the calls return, one after another, is exactly <see cref="Tokenizer.Decode"/> of all ids. Byte pieces are therefore held
/// back until another piece or <see cref="Flush()"/> ends their run: whether its first bytes are a character or U+FFFD depends on
/// its last ones. Not thread-safe; one per answer.
/// </remarks>
/// <param name="tokenizer">Whose ids they are.</param>
/// <param name="skipSpecial">Whether tokens marked special are left out.</param>
sealed class StreamingDetokenizer(Tokenizer tokenizer, bool skipSpecial = true)
{
    readonly List<byte> _run = [];
    readonly StringBuilder _text = new();

    /// <summary>Takes the next id.</summary>
    /// <returns>The text that has become certain, often a word, sometimes empty; it never ends inside a character.</returns>
    public string Append(int id)
    {
        Append(id, _text);
        return Take();
    }

    /// <summary>Ends the text.</summary>
    /// <returns>What was held back: empty, or the characters of the last byte pieces. Afterwards a new text may begin.</returns>
    public string Flush()
    {
        Flush(_text);
        return Take();
    }

    internal void Append(int id, StringBuilder destination)
    {
        ReadOnlySpan<byte> piece = tokenizer.Utf8Piece(id);
        if (piece.IsEmpty || (skipSpecial && tokenizer.IsSpecial(id)))
        {
            return;
        }

        if (TryGetByte(piece, out byte value))
        {
            _run.Add(value);
            return;
        }

        Flush(destination);
        int start = destination.Length;
        destination.Append(Encoding.UTF8.GetString(piece)).Replace(BytePairEncoder.Space, ' ', start, destination.Length - start);
    }

    internal void Flush(StringBuilder destination)
    {
        ReadOnlySpan<byte> run = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_run);
        if (Utf8.IsValid(run))
        {
            destination.Append(Encoding.UTF8.GetString(run));
        }
        else
        {
            destination.Append('\uFFFD', run.Length);
        }

        _run.Clear();
    }

    /// <summary>Appends the bytes that an id adds to a text: none for a control or reserved token and for an id without a piece.</summary>
    internal static void AppendBytes(Tokenizer tokenizer, int id, List<byte> destination)
    {
        ReadOnlySpan<byte> piece = tokenizer.Utf8Piece(id);
        if (piece.IsEmpty || tokenizer.IsControl(id))
        {
            return;
        }

        if (TryGetByte(piece, out byte value))
        {
            destination.Add(value);
            return;
        }

        // As the text does: a space for every ▁.
        for (ReadOnlySpan<byte> space = "▁"u8; piece.Length > 0;)
        {
            int next = piece.IndexOf(space);
            destination.AddRange(next < 0 ? piece : piece[..next]);
            if (next < 0)
            {
                return;
            }

            destination.Add((byte)' ');
            piece = piece[(next + space.Length)..];
        }
    }

    static bool TryGetByte(ReadOnlySpan<byte> piece, out byte value)
    {
        value = 0;
        return piece.Length == 6 && piece.StartsWith("<0x"u8) && piece[5] == (byte)'>'
            && byte.TryParse(piece[3..5], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    string Take()
    {
        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}

using System.Text;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>Byte-pair encoding of text that holds no added tokens, with bytes in place of characters the vocabulary lacks.</summary>
/// <remarks>
/// Source: tokenizers, <c>models/bpe/model.rs</c>, <c>merge_word</c>. A text is cut before a <c>▁</c> wherever no merge reaches
/// across; that changes nothing in the result and keeps the lists short. Immutable, thread-safe.
/// </remarks>
internal sealed class BytePairEncoder
{
    /// <summary>What stands for a space, U+2581.</summary>
    public const char Space = '▁';

    readonly Vocabulary _vocabulary;
    readonly MergeTable _merges;
    readonly int _unknown;
    readonly bool _fuseUnknown;
    readonly bool _replaceSpaces;
    readonly bool _cutBeforeSpaces;
    readonly string _joinsSpaces;
    readonly int[] _basic = new int[char.MaxValue + 1];     // ids of the characters up to U+FFFF, or -1
    readonly int[] _bytes = new int[256];                   // ids of <0xNN>, or -1

    /// <summary>Prepares the tables.</summary>
    /// <param name="model">The model of <c>tokenizer.json</c>.</param>
    public BytePairEncoder(TokenizerModel model)
    {
        (_vocabulary, _merges, _unknown, _fuseUnknown) = (model.Vocabulary, model.Merges, model.UnknownId ?? -1, model.FuseUnknown);
        _replaceSpaces = model.ReplacesSpaces;
        _joinsSpaces = model.JoinsSpaces ?? "";
        Span<byte> utf8 = stackalloc byte[4];
        for (int c = 0; c < _basic.Length; c++)
        {
            _basic[c] = Rune.TryCreate((char)c, out Rune rune)
                && _vocabulary.TryGetModelId(utf8[..rune.EncodeToUtf8(utf8)], out int id) ? id : -1;
        }

        for (int value = 0; value < _bytes.Length; value++)
        {
            _bytes[value] = model.ByteFallback && _vocabulary.TryGetId($"<0x{value:X2}>", out int id) ? id : -1;
        }

        // Unknown characters are fused across a cut that they surround; with a piece for ▁ they never surround one.
        _cutBeforeSpaces = _basic[Space] >= 0 && model.JoinsSpaces is not null;
    }

    /// <summary>Appends the ids of <paramref name="text"/> to <paramref name="destination"/>.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="symbols">An empty list to work in, left empty.</param>
    /// <param name="destination">Where the ids go.</param>
    public void Encode(ReadOnlySpan<char> text, SymbolList symbols, List<int> destination)
    {
        bool afterUnknown = false;
        char previous = Space;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i] == ' ' && _replaceSpaces ? Space : text[i];
            if (c == Space && previous != Space && _cutBeforeSpaces && !_joinsSpaces.Contains(previous))
            {
                symbols.MergeInto(destination);
            }

            previous = c;
            int id = _basic[c];
            if (id >= 0)
            {
                symbols.Add(id);
                afterUnknown = false;
                continue;
            }

            Rune rune = char.IsHighSurrogate(c) ? new Rune(c, previous = text[++i]) : new Rune(c);
            afterUnknown = AddRare(rune, symbols, afterUnknown);
        }

        symbols.MergeInto(destination);
    }

    /// <summary>Adds a character beyond U+FFFF or outside the vocabulary; returns whether it became the unknown token.</summary>
    bool AddRare(Rune rune, SymbolList symbols, bool afterUnknown)
    {
        Span<byte> utf8 = stackalloc byte[4];
        utf8 = utf8[..rune.EncodeToUtf8(utf8)];
        if (!rune.IsBmp && _vocabulary.TryGetModelId(utf8, out int id))
        {
            symbols.Add(id);
            return false;
        }

        bool allBytes = true;
        foreach (byte value in utf8)
        {
            allBytes &= _bytes[value] >= 0;
        }

        if (allBytes)
        {
            foreach (byte value in utf8)
            {
                symbols.Add(_bytes[value]);
            }

            return false;
        }

        if (_unknown >= 0 && !(afterUnknown && _fuseUnknown))
        {
            symbols.Add(_unknown);
        }

        return true;
    }
}

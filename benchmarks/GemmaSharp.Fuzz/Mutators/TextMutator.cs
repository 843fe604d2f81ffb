using System.Text;

namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Changes text by its lines and words.</summary>
/// <param name="words">Words of the language.</param>
sealed class TextMutator(params string[] words) : IMutator
{
    public byte[]? Mutate(byte[] input, byte[] other, Dice dice)
    {
        string text = Encoding.UTF8.GetString(input);
        for (int rounds = dice.OneIn(3) ? dice.Between(2, 8) : 1; rounds > 0; rounds--)
        {
            text = Change(text, other, dice);
        }

        return text.Length > 1 << 16 ? null : Encoding.UTF8.GetBytes(text);
    }

    string Change(string text, byte[] other, Dice dice)
    {
        int at = dice.Below(text.Length + 1);
        int end = Math.Min(text.Length, at + dice.Between(1, dice.OneIn(4) ? 64 : 8));
        switch (dice.Below(9))
        {
            case 0:
                return text[..at] + text[end..];
            case 1 or 2:
                return text[..at] + dice.Pick<string>(words) + text[(dice.OneIn(2) ? at : end)..];
            case 3:
                return text[..end] + text[at..end] + text[end..];
            case 4:
                string[] lines = text.Split('\n');
                int line = dice.Below(lines.Length);
                return string.Join('\n', dice.OneIn(2) ? [.. lines[..line], .. lines[(line + 1)..]] : [.. lines[..line], lines[dice.Below(lines.Length)], .. lines[line..]]);
            case 5:
                string theirs = Encoding.UTF8.GetString(other);
                int from = dice.Below(theirs.Length + 1);
                return text[..at] + theirs[from..Math.Min(theirs.Length, from + dice.Between(1, 64))] + text[at..];
            case 6:
                return text[..at] + new string(dice.Pick<char>("([{)]}|*+?.^$\\\"' a0,-"), dice.OneIn(4) ? dice.Between(50, 2000) : dice.Between(1, 5)) + text[at..];
            case 7:
                string piece = text[at..end];
                return text[..at] + string.Concat(Enumerable.Repeat(piece, dice.OneIn(6) ? dice.Between(20, 400) : dice.Between(2, 5))) + text[end..];
            default:
                return text[..at] + (char)dice.Pick<int>([0, 7, 9, 10, 13, 27, 0x7F, 0x85, 0xE9, 0x2028, 0x202E, 0xFEFF, 0xFFFF, 0x3042]) + text[at..];
        }
    }
}

using System.Text;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>A list of strings as one array of bytes: a vocabulary has hundreds of thousands.</summary>
/// <param name="text">All strings one after the other, UTF-8 as far as the file keeps to it.</param>
/// <param name="ends">Where each ends.</param>
sealed class GgufStrings(byte[] text, int[] ends)
{
    /// <summary>How many there are.</summary>
    public int Count => ends.Length;

    /// <summary>The bytes of one.</summary>
    public ReadOnlySpan<byte> this[int index] => text.AsSpan((index == 0 ? 0 : ends[index - 1])..ends[index]);

    /// <summary>One as text; bytes that are no UTF-8 become U+FFFD.</summary>
    public string Text(int index) => Encoding.UTF8.GetString(this[index]);
}

using System.Text;

namespace GemmaSharp.Extensions.AI;

/// <summary>
/// What clips of speech say, as one text. It grows by pieces that, put together, are the whole: without white space at its ends, and with one space between
/// clips, which are cut between words. Used by one transcription.
/// </summary>
sealed class Transcript
{
    readonly StringBuilder _whole = new();
    readonly StringBuilder _clip = new();

    // White space that is part of the text only if something follows it.
    string _held = "";

    /// <summary>All that was said so far.</summary>
    public string Text => _whole.ToString();

    /// <summary>What was said in this clip.</summary>
    public string ClipText => _clip.ToString();

    /// <summary>Begins the next clip.</summary>
    public void BeginClip()
    {
        _clip.Clear();
        _held = "";
    }

    /// <summary>Adds what the model says next; gives what that adds to the whole, which may be nothing.</summary>
    public string Add(string piece)
    {
        string text = _clip.Length == 0 ? piece.TrimStart() : piece;
        string said = text.TrimEnd(), rest = text[said.Length..];
        if (said.Length == 0)
        {
            _held += rest;
            return "";
        }

        string added = _held + said;
        _held = rest;
        _clip.Append(added);
        added = _clip.Length == added.Length && _whole.Length > 0 ? " " + added : added;
        _whole.Append(added);
        return added;
    }
}

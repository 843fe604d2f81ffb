using System.Text;

namespace GemmaSharp.Generation;

/// <summary>Finds stop texts in streamed text, holding back what may become one.</summary>
/// <remarks>Not thread-safe.</remarks>
sealed class StopMatcher(IReadOnlyList<string> stops)
{
    readonly StringBuilder _held = new();

    /// <summary>Whether a stop text has been found; nothing comes after it.</summary>
    public bool Stopped => Found is not null;

    /// <summary>The stop text that has been found; null while there is none.</summary>
    public string? Found { get; private set; }

    /// <summary>Takes more text and returns what is certainly not part of a stop text.</summary>
    public string Push(string text)
    {
        if (stops.Count == 0 || Stopped)
        {
            return Stopped ? "" : text;
        }

        _held.Append(text);
        string held = _held.ToString();
        int found = -1;
        foreach (string stop in stops)
        {
            int index = held.IndexOf(stop, StringComparison.Ordinal);
            if (index >= 0 && (found < 0 || index < found))
            {
                (found, Found) = (index, stop);
            }
        }

        if (found >= 0)
        {
            _held.Clear();
            return held[..found];
        }

        int keep = 0;
        foreach (string stop in stops)
        {
            for (int n = Math.Min(stop.Length - 1, held.Length); n > keep; n--)
            {
                if (held.EndsWith(stop[..n], StringComparison.Ordinal))
                {
                    keep = n;
                    break;
                }
            }
        }

        _held.Remove(0, held.Length - keep);
        return held[..^keep];
    }

    /// <summary>The text still held back, at the end of the answer.</summary>
    public string Flush()
    {
        string rest = _held.ToString();
        _held.Clear();
        return rest;
    }
}

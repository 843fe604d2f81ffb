using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GemmaSharp.Fuzz;

/// <summary>What a run has come to, reader by reader.</summary>
sealed class FuzzTable
{
    readonly List<Row> _rows = [];

    /// <summary>Inputs that broke a promise.</summary>
    public long Findings => _rows.Sum(row => row.Counts.Skip((int)Outcome.Untyped).Sum());

    public void Add(FuzzTarget target, FuzzProgress progress) => _rows.Add(new Row(
        target.Name, progress.Total, [.. Enum.GetValues<Outcome>().Select(outcome => progress[outcome])], progress.Branches, progress.Corpus,
        progress.LongestMicroseconds / 1000, progress.MostAllocated));

    /// <summary>A table in Markdown.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder("| reader | inputs |");
        text.AppendJoin(' ', Enum.GetNames<Outcome>().Select(name => $" {name.ToLowerInvariant()} |")).Append(" branches | corpus | longest ms | most MB |\n|---|");
        text.Insert(text.Length, "--:|", Enum.GetNames<Outcome>().Length + 5).Append('\n');
        foreach (Row row in _rows)
        {
            Append(row);
        }

        if (_rows.Count > 1)
        {
            Append(new Row(
                "**all**", _rows.Sum(row => row.Inputs), [.. Enumerable.Range(0, _rows[0].Counts.Count).Select(i => _rows.Sum(row => row.Counts[i]))], 0,
                _rows.Sum(row => row.Corpus), _rows.Max(row => row.LongestMilliseconds), _rows.Max(row => row.MostAllocated)));
        }

        return text.ToString();

        void Append(Row row) => text.Append(CultureInfo.InvariantCulture, $"| {row.Reader} | {row.Inputs:N0} | ")
            .AppendJoin(" | ", row.Counts.Select(count => count.ToString("N0", CultureInfo.InvariantCulture)))
            .Append(CultureInfo.InvariantCulture, $" | {(row.Branches == 0 ? "" : row.Branches.ToString("N0", CultureInfo.InvariantCulture))} | {row.Corpus:N0} | ")
            .Append(CultureInfo.InvariantCulture, $"{row.LongestMilliseconds:N0} | {row.MostAllocated >> 20:N0} |\n");
    }

    /// <summary>The same as one JSON object.</summary>
    public string ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("inputs", _rows.Sum(row => row.Inputs));
            json.WriteNumber("findings", Findings);
            json.WriteStartArray("readers");
            foreach (Row row in _rows)
            {
                json.WriteStartObject();
                json.WriteString("reader", row.Reader);
                json.WriteNumber("inputs", row.Inputs);
                foreach (Outcome outcome in Enum.GetValues<Outcome>())
                {
                    json.WriteNumber(outcome.ToString().ToLowerInvariant(), row.Counts[(int)outcome]);
                }

                json.WriteNumber("branches", row.Branches);
                json.WriteNumber("corpus", row.Corpus);
                json.WriteNumber("longest_ms", row.LongestMilliseconds);
                json.WriteNumber("most_allocated_bytes", row.MostAllocated);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    sealed record Row(
        string Reader, long Inputs, IReadOnlyList<long> Counts, long Branches, long Corpus, long LongestMilliseconds, long MostAllocated);
}

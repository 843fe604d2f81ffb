using System.Diagnostics;
using System.Text;
using System.Text.Json;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Generation.Constraints.Json;

namespace GemmaSharp.Cli.Schemas;

/// <summary>
/// Tries schemas on instances: whether the tokens of valid ones can be drawn one after another up to the end, and those of invalid ones cannot.
/// </summary>
/// <remarks>Not thread-safe.</remarks>
/// <param name="tokenizer">Whose tokens.</param>
/// <param name="options">How the schemas are read.</param>
sealed class SchemaConformance(Tokenizer tokenizer, JsonSchemaOptions options)
{
    readonly TokenTrie _trie = TokenTrie.For(tokenizer, tokenizer.VocabularySize);
    readonly TokenMask _mask = new(tokenizer.VocabularySize);

    /// <summary>Schemas tried.</summary>
    public int Schemas { get; private set; }

    /// <summary>Instances of schemas that were not refused.</summary>
    public int Instances { get; private set; }

    /// <summary>Instances that were judged rightly.</summary>
    public int Passed => Instances - WronglyAccepted.Count - WronglyRejected.Count;

    /// <summary>Schemas that were refused, and why.</summary>
    public List<(string Name, ConstraintException Reason)> Refused { get; } = [];

    /// <summary>Invalid instances that could be drawn: the schema, and the number of the instance.</summary>
    public List<(string Name, int Index)> WronglyAccepted { get; } = [];

    /// <summary>Valid instances that could not: the schema, the number of the instance, and the text up to where it stopped.</summary>
    public List<(string Name, int Index, string Reason)> WronglyRejected { get; } = [];

    /// <summary>Microseconds of each mask.</summary>
    public List<double> MaskTimes { get; } = [];

    /// <summary>Milliseconds of each compilation, refused schemas included.</summary>
    public List<double> CompileTimes { get; } = [];

    /// <summary>Tries one schema.</summary>
    /// <param name="name">What results call it.</param>
    /// <param name="schema">The schema.</param>
    /// <param name="tests">Instances, and whether they are valid.</param>
    public void Try(string name, JsonElement schema, IEnumerable<(JsonElement Data, bool IsValid)> tests)
    {
        Schemas++;
        Constraint constraint;
        long start = Stopwatch.GetTimestamp();
        try
        {
            constraint = Constraint.JsonSchema(schema, options);
        }
        catch (ConstraintException e)
        {
            Refused.Add((name, e));
            return;
        }
        finally
        {
            CompileTimes.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        int index = 0;
        foreach ((JsonElement data, bool isValid) in tests)
        {
            Instances++;
            string? rejection = Reject(constraint, data);
            if (isValid && rejection is not null)
            {
                WronglyRejected.Add((name, index, rejection));
            }
            else if (!isValid && rejection is null)
            {
                WronglyAccepted.Add((name, index));
            }

            index++;
        }
    }

    /// <summary>Why an instance cannot be drawn; null where it can.</summary>
    string? Reject(Constraint constraint, JsonElement data)
    {
        string text = CompactJson.Write(data);
        try
        {
            var matcher = new Matcher(constraint.Compiled, _trie);
            int length = 0;
            foreach (int id in tokenizer.EncodeToIds(text, allowSpecial: false))
            {
                long start = Stopwatch.GetTimestamp();
                matcher.ComputeMask(_mask);
                MaskTimes.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
                bool advanced = _mask[id] && matcher.TryAdvance(id);
                if (!advanced)
                {
                    string before = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text).AsSpan(0, length));
                    return $"{(before.Length > 40 ? "…" + before[^40..] : before)} | {tokenizer.IdToPiece(id)}";
                }

                length += _trie.Bytes(id).Length;
            }

            return matcher.CanEnd ? null : "the end";
        }
        catch (ConstraintException e)
        {
            return e.Message;
        }
    }
}

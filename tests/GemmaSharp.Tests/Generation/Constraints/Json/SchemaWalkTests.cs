using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using GemmaSharp.Generation.Constraints;
using Json.Schema;

namespace GemmaSharp.Tests.Generation.Constraints.Json;

/// <summary>Whatever is drawn by the masks and comes to an end is valid, says a validator that has nothing in common with them.</summary>
public sealed class SchemaWalkTests
{
    const int MostTokens = 160;

    public static TheoryData<string> Names =>
        [.. SchemaCases.All.Select(each => each.Name).Except(SchemaCases.BeyondValidator).Where(name => name is not "email" and not "searched pattern")];

    /// <summary>Numbers that the validator rounds.</summary>
    static readonly Regex s_rounded = new("[0-9]{15}|[0-9.][eE]", RegexOptions.CultureInvariant);

    /// <summary>Addresses whose scheme is one letter, which RFC 3986 allows and the validator's System.Uri takes for a drive.</summary>
    static readonly Regex s_drive = new("^\"[A-Za-z]:", RegexOptions.CultureInvariant);

    [Theory]
    [MemberData(nameof(Names))]
    public void Answers_OfRandomTokens_AreValid(string name)
    {
        (_, string text, _, _) = SchemaCases.All.Single(each => each.Name == name);
        var validator = JsonSchema.FromText(text, new BuildOptions { SchemaRegistry = new SchemaRegistry() });
        var evaluation = new EvaluationOptions { RequireFormatValidation = true };
        int ended = 0;
        Gen.Select(Gen.ULong, Gen.Int[0, 3]).Sample(
            (seed, way) =>
            {
                var options = new JsonSchemaOptions
                {
                    PropertyOrder = (way & 1) == 0 ? JsonPropertyOrder.Declared : JsonPropertyOrder.Any,
                    Whitespace = (way & 2) == 0 ? JsonWhitespace.Compact : JsonWhitespace.Flexible,
                };
                if (Walk(Constraint.JsonSchema(text, options), seed) is string answer && !s_rounded.IsMatch(answer) && !(name == "address" && s_drive.IsMatch(answer)))
                {
                    using JsonDocument document = JsonDocument.Parse(answer);
                    Assert.True(validator.Evaluate(document.RootElement, evaluation).IsValid, answer);
                    Interlocked.Increment(ref ended);
                }
            },
            iter: 40,
            threads: 1);
        Assert.True(ended > 0, string.Create(CultureInfo.InvariantCulture, $"{ended} answers came to an end."));
    }

    /// <summary>Draws tokens until the answer ends; null where it does not.</summary>
    static string? Walk(Constraint constraint, ulong seed)
    {
        Tokenizer tokenizer = JsonText.Tokenizer;
        var random = new Random((int)(seed % int.MaxValue));
        var matcher = new Matcher(constraint.Compiled, JsonText.Trie);
        var mask = new TokenMask(tokenizer.VocabularySize);
        var bytes = new List<byte>();
        int patience = random.Next(0, 20);
        for (int i = 0; i < MostTokens; i++)
        {
            if (matcher.CanEnd && (matcher.MustEnd || random.Next(3) == 0))
            {
                return System.Text.Encoding.UTF8.GetString([.. bytes]);
            }

            matcher.ComputeMask(mask);
            int[] allowed = [.. Enumerable.Range(0, tokenizer.VocabularySize).Where(id => mask[id])];
            Assert.True(allowed.Length > 0 || matcher.CanEnd, "Nothing can follow " + System.Text.Encoding.UTF8.GetString([.. bytes]));
            if (allowed.Length == 0)
            {
                return System.Text.Encoding.UTF8.GetString([.. bytes]);
            }

            // After a while what closes is preferred, or few answers would ever end.
            int[] closing = i < patience
                ? []
                : [.. allowed.Where(id => JsonText.Trie.Bytes(id) is [(byte)'"'] or [(byte)'}'] or [(byte)']'] or [(byte)'"', (byte)'}'])];
            int[] among = closing.Length > 0 && random.Next(4) > 0 ? closing : allowed;
            int token = among[random.Next(among.Length)];
            Assert.True(matcher.TryAdvance(token));
            bytes.AddRange(JsonText.Trie.Bytes(token));
        }

        return null;
    }
}

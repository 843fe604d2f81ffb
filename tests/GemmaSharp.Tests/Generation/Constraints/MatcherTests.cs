using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Tests.Generation.Constraints.Json;

namespace GemmaSharp.Tests.Generation.Constraints;

/// <summary>Regular expressions and grammars token by token, on the demo's vocabulary.</summary>
public sealed class MatcherTests
{
    const string Arithmetic = """
        # sums of products
        root ::= term (("+" | "-") term)*
        term ::= factor ("*" factor)*
        factor ::= [0-9]{1,3} | "(" root ")"
        """;

    static Tokenizer Tokenizer => JsonText.Tokenizer;

    public static TheoryData<string, Constraint> Constraints => new()
    {
        { "word", Constraint.Regex("[a-z]+( [a-z]+)*") },
        { "number", Constraint.Regex(@"-?(0|[1-9]\d*)(\.\d+)?") },
        { "accents", Constraint.Regex("[à-ÿ€😀-😂]{2,5}x?") },
        { "either", Constraint.Regex("(Lima|London|Lisbon)( and (Rome|Riga))?") },
        { "sum", Constraint.Grammar(Arithmetic) },
        { "ambiguous", Constraint.Grammar("root ::= root root | \"a\" | \"b\" \"c\"?") },
        { "right recursion", Constraint.Grammar("root ::= \"x\" root | \"y\"") },
        { "left recursion", Constraint.Grammar("root ::= root \"x\" | \"y\"") },
        { "empty parts", Constraint.Grammar("root ::= a b a\na ::= \"x\"?\nb ::= a | \"(\" root \")\"") },
        { "object", Constraint.JsonSchema("""{"type":"object","properties":{"name":{"type":"string","maxLength":6},"n":{"type":"integer"}},"required":["n"]}""") },
        { "texts", Constraint.JsonSchema("""{"type":"array","items":{"type":"string","minLength":1},"maxItems":3}""") },
        { "pattern", Constraint.JsonSchema("""{"type":"string","pattern":"^(\\S+\\s+){0,5}\\S+$","maxLength":400}""") },
    };

    [Theory]
    [MemberData(nameof(Constraints))]
    public void Mask_IsThatOfTryingEveryToken(string name, Constraint constraint)
    {
        var random = new Random(name.Length);
        var mask = new TokenMask(Tokenizer.VocabularySize);
        for (int walk = 0; walk < 4; walk++)
        {
            var matcher = new Matcher(constraint.Compiled, JsonText.Trie);
            for (int i = 0; i < 25; i++)
            {
                matcher.ComputeMask(mask);
                int[] allowed = [.. Enumerable.Range(0, Tokenizer.VocabularySize).Where(id => mask[id])];
                Assert.Equal(Enumerable.Range(0, Tokenizer.VocabularySize).Where(matcher.Accepts), allowed);
                if (allowed.Length == 0)
                {
                    Assert.True(matcher.CanEnd && matcher.MustEnd);
                    break;
                }

                Assert.True(matcher.TryAdvance(allowed[random.Next(allowed.Length)]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Constraints))]
    public void Clone_AndRefusedTokens_ChangeNothing(string name, Constraint constraint)
    {
        var random = new Random(name.Length + 100);
        var mask = new TokenMask(Tokenizer.VocabularySize);
        var matcher = new Matcher(constraint.Compiled, JsonText.Trie);
        for (int i = 0; i < 12; i++)
        {
            matcher.ComputeMask(mask);
            ulong[] before = mask.Words.ToArray();
            int refused = Enumerable.Range(0, Tokenizer.VocabularySize).First(id => !mask[id]);
            Assert.False(matcher.TryAdvance(refused));
            int[] allowed = [.. Enumerable.Range(0, Tokenizer.VocabularySize).Where(id => mask[id])];
            if (allowed.Length == 0)
            {
                return;
            }

            Matcher clone = matcher.Clone();
            Assert.True(clone.TryAdvance(allowed[0]));
            matcher.ComputeMask(mask);
            Assert.Equal(before, mask.Words.ToArray());
            Assert.True(matcher.TryAdvance(allowed[random.Next(allowed.Length)]));
        }
    }

    [Fact]
    public void Regex_AgreesWithDotNets()
    {
        Gen<string> atoms = Any("a", "b", "c", "ab", ".", "[ab]", "[^a]", "[a-c]", "(a|bc)", @"\d", @"\w", "((ab)?)");
        Gen<string> patterns = Gen.Select(atoms, Any("", "*", "+", "?", "{2}", "{1,3}", "{0,2}"), (atom, times) => atom + times).Array[1, 4]
            .Select(parts => string.Concat(parts));
        Gen.Select(Gen.OneOf(patterns, Gen.Select(patterns, patterns, (x, y) => $"{x}|{y}")), Gen.String[Gen.Char["abc1 "], 0, 7]).Sample((pattern, text) =>
        {
            var matcher = new Matcher(Constraint.Regex(pattern).Compiled, JsonText.Trie);
            bool accepted = (text.Length == 0 || matcher.TryAdvance(Encoding.UTF8.GetBytes(text))) && matcher.CanEnd;
            return accepted == Regex.IsMatch(text, $@"\A(?:{pattern})\z");
        }, iter: 3000, threads: 1);
    }

    [Theory]
    [InlineData("1+2*(3-4)", true)]
    [InlineData("12*(3)", true)]
    [InlineData("1+", false)]
    [InlineData("(1", false)]
    [InlineData("1234", false)]
    public void Grammar_OfSums(string text, bool accepted) => Assert.Equal(accepted, Accepts(Constraint.Grammar(Arithmetic), text));

    [Theory]
    [InlineData("root ::= \"\\x41\\u00e9\\n\" [^\\]\"]", "Aé\nx", true)]
    [InlineData("root ::= \"\\x41\\u00e9\\n\" [^\\]\"]", "Aé\n]", false)]
    [InlineData("root ::= a{2,3}\na ::= \"x\" | \"(\" a \")\"", "x(x)x", true)]
    [InlineData("root ::= a{2,3}\na ::= \"x\" | \"(\" a \")\"", "x", false)]
    [InlineData("root ::= a{2,}\na ::= b\nb ::= [0-9] a?", "12", true)]
    [InlineData("root ::= (\n  \"a\" |\n  \"b\"\n)+ # done\n", "abba", true)]
    [InlineData("root ::= \"a\"\n  | \"b\"\nother ::= \"c\"", "b", true)]
    [InlineData("root ::= .", "é", true)]
    public void Grammar_Spellings(string gbnf, string text, bool accepted) => Assert.Equal(accepted, Accepts(Constraint.Grammar(gbnf), text));

    [Theory]
    [InlineData("start ::= \"a\"", "root")]
    [InlineData("root ::= a", "a, which is not defined")]
    [InlineData("root ::= \"a\"\nroot ::= \"b\"", "twice")]
    [InlineData("root ::= \"a", "quote")]
    [InlineData("root ::= [a", "]")]
    [InlineData("root ::= (\"a\"", ")")]
    [InlineData("root = \"a\"", "::=")]
    [InlineData("root ::= \"a\"{3,1}", "second number")]
    [InlineData("root ::= \"a\"{99999}", "more than 10000")]
    [InlineData("root ::= root", "no text at all")]
    [InlineData("root ::= root \"a\"", "no text at all")]
    [InlineData("root ::= \"\\q\"", "\\q")]
    public void Grammar_Wrong_SaysWhere(string gbnf, string says) =>
        Assert.Contains(says, Assert.Throws<ConstraintException>(() => Constraint.Grammar(gbnf)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("(a", ")")]
    [InlineData("a)", "(")]
    [InlineData("[a", "]")]
    [InlineData("*a", "nothing to repeat")]
    [InlineData("a**", "nothing to repeat")]
    [InlineData("(?=a)b", "looks around")]
    [InlineData("(?<!a)b", "looks around")]
    [InlineData(@"(a)\1", "refers back")]
    [InlineData(@"\bword", "word border")]
    [InlineData("a{3,2}", "least count")]
    [InlineData("a{9999999}", "repeats more than")]
    [InlineData("a^b", "anchor")]
    [InlineData(@"\p{Script=Greek}", "Script=Greek")]
    [InlineData(@"a\", @"ends with a \")]
    public void Regex_Unsupported_IsNamed(string pattern, string says) =>
        Assert.Contains(says, Assert.Throws<ConstraintException>(() => Constraint.Regex(pattern)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")]
    [InlineData("(a{1000}){1000}", null)]
    [InlineData("(a|a)*(a|a)*(a|a)*c", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac")]
    [InlineData("(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy")]
    public void Regex_ThatBacktrackersDreadOf_IsRead(string pattern, string? text)
    {
        Constraint constraint = Constraint.Regex(pattern);
        Assert.True(text is null || Accepts(constraint, text));
    }

    [Fact]
    public void Nesting_WithoutEnd_IsRefused()
    {
        Assert.Throws<ConstraintException>(() => Constraint.Regex(new string('(', 40_000) + new string(')', 40_000)));
        Assert.Throws<ConstraintException>(() => Constraint.Grammar("root ::= " + new string('(', 100_000) + "\"a\"" + new string(')', 100_000)));
        Assert.Throws<ConstraintException>(() => Constraint.Regex(new string('a', RegexReader.LongestPattern + 1)));
    }

    [Theory]
    [InlineData("root ::= \"x\" root | \"y\"", "y")]
    [InlineData("root ::= root \"x\" | \"x\"", "x")]
    [InlineData("root ::= (\"x\" | a)*\na ::= \"(\" a? \")\"", "()")]
    public void Recursion_OfLongTexts_NeedsNoStackAndFewRows(string gbnf, string end)
    {
        var matcher = new Matcher(Constraint.Grammar(gbnf).Compiled, JsonText.Trie);
        Assert.True(matcher.TryAdvance(Encoding.UTF8.GetBytes(new string('x', 20_000))));
        Assert.True(matcher.TryAdvance(Encoding.UTF8.GetBytes(end)));
        Assert.True(matcher.CanEnd);
    }

    [Fact]
    public void Grammar_OfWhichOnlyTheEmptyTextIsLeft_Ends()
    {
        var matcher = new Matcher(Constraint.Grammar("root ::= item | (\",\" item)*\nitem ::= \"a\" []\n").Compiled, JsonText.Trie);
        var mask = new TokenMask(JsonText.Trie.Vocabulary);
        matcher.ComputeMask(mask);
        Assert.Equal(int.MaxValue, mask.Next(0));
        Assert.False(matcher.TryAdvance("a"u8));
        Assert.True(matcher is { CanEnd: true, MustEnd: true });
    }

    [Theory]
    [InlineData("""{"contains":{"const":1},"enum":[[2]]}""")]
    [InlineData("""{"contains":{"const":1},"const":[[3,2]]}""")]
    [InlineData("""{"type":"array","prefixItems":[{"const":2}],"maxItems":1,"contains":{"const":1}}""")]
    [InlineData("""{"type":"array","items":false,"minItems":1,"maxItems":4}""")]
    [InlineData("""{"type":"array","prefixItems":[{"const":2}],"items":false,"minItems":2}""")]
    [InlineData("""{"type":"array","items":{"type":"string","enum":["a",1,2]},"uniqueItems":true,"minItems":2}""")]
    public void Array_WhoseItemsCannotBe_AllowsNoText(string schema) =>
        Assert.Contains("allows no text", Assert.Throws<ConstraintException>(() => Constraint.JsonSchema(schema)).Message, StringComparison.Ordinal);

    [Fact]
    public void Contains_WhereOneKindOfValueCannotBe_AllowsTheOthersAlone()
    {
        var matcher = new Matcher(Constraint.JsonSchema("""{"contains":{"const":1},"enum":[[2],{"a":1},[3,1]]}""").Compiled, JsonText.Trie);
        Assert.False(matcher.TryAdvance("[2"u8));
        Assert.True(matcher.Clone().TryAdvance("[3,1]"u8));
        Assert.True(matcher.TryAdvance("{\"a\":1}"u8));
        Assert.True(matcher.CanEnd);
    }

    [Fact]
    public void Patterns_ThatOverlapInEveryWay_AreRefusedBeforeAllWaysAreLookedAt()
    {
        string patterns = string.Join(',', "type patternProperties propertyNames minProperties dependentRequired if then".Split(' ').Select(name => $"\"{name}\":{{}}"));
        string schema = """{"type":"object","patternProperties":{PATTERNS},"minProperties":1,"dependentRequired":{"required":["a"]}}""".Replace("PATTERNS", patterns, StringComparison.Ordinal);
        Assert.Contains("fewer or simpler", Assert.Throws<ConstraintException>(() => Constraint.JsonSchema(schema)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Brackets_NestedDeeply_AreFollowed()
    {
        var matcher = new Matcher(Constraint.JsonSchema("""{"$ref":"#/$defs/a","$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/a"}}}}""").Compiled, JsonText.Trie);
        Assert.True(matcher.TryAdvance(Encoding.UTF8.GetBytes(new string('[', 5_000))));
        Assert.False(matcher.CanEnd);
        Assert.True(matcher.TryAdvance(Encoding.UTF8.GetBytes(new string(']', 5_000))));
        Assert.True(matcher is { CanEnd: true, MustEnd: true });
    }

    [Fact]
    public void Forced_AreTheTokensOfWhatMustFollow()
    {
        const string Schema = """{"type":"object","properties":{"city":{"const":"Lima"},"ok":{"type":"boolean"}},"required":["city","ok"],"additionalProperties":false}""";
        var options = new JsonSchemaOptions { PropertyOrder = JsonPropertyOrder.Declared };
        var matcher = new Matcher(Constraint.JsonSchema(Schema, options).Compiled, JsonText.Trie);
        var ids = new List<int>();
        matcher.ForcedTokens(text => Tokenizer.EncodeToIds(text, allowSpecial: false), ids);
        string forced = Tokenizer.Decode([.. ids]);
        Assert.NotEmpty(forced);
        Assert.StartsWith(forced, """{"city":"Lima","ok":""", StringComparison.Ordinal);
        Assert.All(ids, id => Assert.True(matcher.TryAdvance(id)));

        // Both ways of going on lead to tokens that the text as a whole would have.
        foreach (string value in (string[])["true", "false"])
        {
            string whole = $$"""{"city":"Lima","ok":{{value}}}""";
            Assert.Equal(ids, Tokenizer.EncodeToIds(whole, allowSpecial: false).Take(ids.Count));
        }
    }

    [Fact]
    public void Forced_WhereTheTextMayEnd_IsNothing()
    {
        var matcher = new Matcher(Constraint.Regex("ab(cd)?").Compiled, JsonText.Trie);
        Assert.True(matcher.TryAdvance("ab"u8));
        var ids = new List<int>();
        matcher.ForcedTokens(text => Tokenizer.EncodeToIds(text, allowSpecial: false), ids);
        Assert.Empty(ids);
    }

    [Fact]
    public async Task Matchers_OfOneGrammar_MayRunAtOnce()
    {
        Constraint constraint = Constraint.JsonSchema(
            string.Create(CultureInfo.InvariantCulture, $$"""{"type":"array","items":{"type":"string","maxLength":40},"maxItems":{{20 + Random.Shared.Next(5)}}}"""));
        string[] results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() =>
        {
            var random = new Random(i / 2);
            var matcher = new Matcher(constraint.Compiled, JsonText.Trie);
            var mask = new TokenMask(Tokenizer.VocabularySize);
            var text = new StringBuilder();
            for (int n = 0; n < 40 && !matcher.MustEnd; n++)
            {
                matcher.ComputeMask(mask);
                int[] allowed = [.. Enumerable.Range(0, Tokenizer.VocabularySize).Where(id => mask[id])];
                int id = allowed[random.Next(allowed.Length)];
                Assert.True(matcher.TryAdvance(id));
                text.Append(id).Append(' ');
            }

            return text.ToString();
        })));
        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(results[2 * i], results[(2 * i) + 1]));
    }

    [Fact]
    public void Grammar_OfOneMegabyte_IsReadOrRefused()
    {
        string words = string.Join(" | ", Enumerable.Range(0, 60_000).Select(i => $"\"w{i}\""));
        Assert.True(Accepts(Constraint.Grammar("root ::= " + words), "w59999"));
        Assert.Throws<ConstraintException>(() => Constraint.Grammar(new string('#', GbnfReader.LongestGrammar + 1)));
    }

    static bool Accepts(Constraint constraint, string text)
    {
        var matcher = new Matcher(constraint.Compiled, JsonText.Trie);
        return (text.Length == 0 || matcher.TryAdvance(Encoding.UTF8.GetBytes(text))) && matcher.CanEnd;
    }

    static Gen<string> Any(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}

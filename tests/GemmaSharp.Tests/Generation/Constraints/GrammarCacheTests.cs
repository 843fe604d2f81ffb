using GemmaSharp.Generation.Constraints;

namespace GemmaSharp.Tests.Generation.Constraints;

public sealed class GrammarCacheTests
{
    const long Most = 64 << 10;

    [Fact]
    public void Last_used_are_remembered_and_others_forgotten()
    {
        var cache = new GrammarCache(Most);
        Constraint often = Word(cache, "often");
        long one = cache.Bytes;
        Constraint first = Word(cache, "word 0");
        for (int i = 1; i < 20 * Most / one; i++)
        {
            Word(cache, $"word {i}");
            Assert.Same(often.Compiled, Word(cache, "often").Compiled);
            Assert.InRange(cache.Bytes, one, Most);
        }

        Assert.True(cache.Bytes > Most / 2, $"{cache.Bytes} bytes are held.");
        Assert.NotSame(first.Compiled, Word(cache, "word 0").Compiled);
    }

    [Fact]
    public void One_that_is_larger_than_all_may_be_is_held_alone()
    {
        var cache = new GrammarCache(1);
        Constraint first = Word(cache, "first");
        Assert.Same(first.Compiled, Word(cache, "first").Compiled);
        long one = cache.Bytes;
        Word(cache, "other");
        Assert.Equal(one, cache.Bytes);
        Assert.NotSame(first.Compiled, Word(cache, "first").Compiled);
    }

    [Fact]
    public void What_matchers_find_out_counts_too()
    {
        const long Some = 1 << 20;
        var cache = new GrammarCache(Some);
        Tokenizer tokenizer = Tokenizer.Load(Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo"));
        TokenTrie trie = TokenTrie.For(tokenizer, tokenizer.VocabularySize);
        var mask = new TokenMask(trie.Vocabulary);
        Constraint first = Use("a{0,40}b 0");
        long one = cache.Bytes;
        Assert.True(one > 4 * first.Compiled.Bytes, $"{one} bytes are held for a grammar of {first.Compiled.Bytes} and its states.");
        for (int i = 1; i < 3 * Some / one; i++)
        {
            Use($"a{{0,40}}b {i}");

            // The one that was just used has grown since.
            Assert.InRange(cache.Bytes, one, Some + (2 * one));
        }

        Assert.NotSame(first.Compiled, Word(cache, "a{0,40}b 0").Compiled);

        Constraint Use(string text)
        {
            Constraint constraint = Word(cache, text);
            var matcher = new Matcher(constraint.Compiled, trie);
            for (int i = 0; i < 20; i++)
            {
                matcher.ComputeMask(mask);
                Assert.True(matcher.TryAdvance("a"u8));
            }

            return constraint;
        }
    }

    static Constraint Word(GrammarCache cache, string text) => cache.Get(
        ("regex", null, text), builder => builder.Lexeme(RegexReader.Read(builder.Expressions, text, isSearch: false)), null);
}

using System.Text;
using System.Text.Json;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Generation.Constraints.Json;

namespace GemmaSharp.Tests.Generation.Constraints.Json;

/// <summary>Whether texts can be drawn under schemas.</summary>
static class JsonText
{
    static readonly Lazy<Tokenizer> s_tokenizer = new(() => Tokenizer.Load(Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo")));

    /// <summary>The demo's tokenizer.</summary>
    public static Tokenizer Tokenizer => s_tokenizer.Value;

    /// <summary>Its tokens.</summary>
    public static TokenTrie Trie => TokenTrie.For(Tokenizer, Tokenizer.VocabularySize);

    /// <summary>A place at the beginning of an answer.</summary>
    public static Matcher Matcher(string schema, JsonSchemaOptions? options = null) => new(Constraint.JsonSchema(schema, options).Compiled, Trie);

    /// <summary>Whether a text is an answer, byte by byte.</summary>
    public static bool Accepts(string schema, string text, JsonSchemaOptions? options = null)
    {
        Matcher matcher = Matcher(schema, options);
        return matcher.TryAdvance(Encoding.UTF8.GetBytes(text)) && matcher.CanEnd;
    }

    /// <summary>Whether a value, written without spaces, is an answer whose every token the masks let through.</summary>
    public static bool AcceptsTokens(Constraint constraint, JsonElement value, TokenMask mask)
    {
        var matcher = new Matcher(constraint.Compiled, Trie);
        foreach (int id in Tokenizer.EncodeToIds(CompactJson.Write(value), allowSpecial: false))
        {
            matcher.ComputeMask(mask);
            if (!mask[id] || !matcher.TryAdvance(id))
            {
                return false;
            }
        }

        return matcher.CanEnd;
    }
}

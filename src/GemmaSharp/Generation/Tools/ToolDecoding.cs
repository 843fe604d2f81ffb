using GemmaSharp.Generation.Constraints;

namespace GemmaSharp.Generation.Tools;

sealed class ToolDecoding(ToolOptions options, Constraint? answer, TokenTrie trie)
{
    public Matcher? Matcher => throw new NotImplementedException();
    public string Push(int id, string text) => throw new NotImplementedException(options.ToString() + answer + trie);
    public IReadOnlyList<ToolCall>? Finish(out string text) => throw new NotImplementedException();
}

#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Extensions.AI/GemmaSharp.Extensions.AI.csproj
#:package Microsoft.Extensions.VectorData.Abstractions
#:property PublishAot=false
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;
using GemmaModel = GemmaSharp.GemmaModel;

// The passages found are right with any model; the demo does not understand them, a real checkpoint does: GEMMA_MODEL=PATH.
string folder = args.Length > 0 ? args[0] : "docs", question = args.Length > 1 ? args[1] : "How are LoRA adapters applied?";
var passages = new KeywordSearch(Passage.Read(folder));
string[] keywords = [.. KeywordSearch.Words(question)];
List<Passage> found = [];
await foreach (VectorSearchResult<Passage> result in passages.HybridSearchAsync(question, keywords, top: 3))
{
    found.Add(result.Record);
    Console.WriteLine($"{result.Score:0.00}  {result.Record.Key}");
}

using GemmaModel model = GemmaModel.Load(Environment.GetEnvironmentVariable("GEMMA_MODEL") ?? "models/gemma-3n-demo");
var options = new ChatOptions
{
    Instructions = "Answer from these passages alone, and say so when they do not tell.\n\n" + string.Join("\n\n", found.Select(passage => passage.Text)),
    MaxOutputTokens = 300,
};
await foreach (ChatResponseUpdate update in model.AsIChatClient().GetStreamingResponseAsync(question, options))
{
    Console.Write(update);
}

/// <summary>A paragraph of a file.</summary>
sealed record Passage([property: VectorStoreKey] string Key, [property: VectorStoreData(IsFullTextIndexed = true)] string Text)
{
    const int Longest = 600;

    public static IEnumerable<Passage> Read(string folder) =>
        from file in Directory.EnumerateFiles(folder, "*.md", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        from paragraph in File.ReadAllText(file).ReplaceLineEndings("\n").Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Index()
        where paragraph.Item.Length > 80
        select new Passage(
            $"{Path.GetRelativePath(folder, file)}#{paragraph.Index}", paragraph.Item.Length > Longest ? paragraph.Item[..Longest] : paragraph.Item);
}

/// <summary>
/// Passages by the words that they share with a question (BM25), in memory. Behind the interface of vector stores, so that one of them, with an embedder, can
/// take its place; Gemma 3n itself gives no embeddings.
/// </summary>
sealed partial class KeywordSearch : IKeywordHybridSearchable<Passage>
{
    readonly List<(Passage Passage, Dictionary<string, int> Counts, int Length)> _passages = [];
    readonly Dictionary<string, int> _containing = [];
    readonly double _meanLength;

    public KeywordSearch(IEnumerable<Passage> passages)
    {
        foreach (Passage passage in passages)
        {
            Dictionary<string, int> counts = Words(passage.Text).CountBy(word => word).ToDictionary();
            _passages.Add((passage, counts, counts.Values.Sum()));
            foreach (string word in counts.Keys)
            {
                _containing[word] = _containing.GetValueOrDefault(word) + 1;
            }
        }

        _meanLength = _passages.Count == 0 ? 1 : _passages.Average(each => each.Length);
    }

    public static IEnumerable<string> Words(string text) => Word().Matches(text.ToLowerInvariant()).Select(match => match.Value);

    public async IAsyncEnumerable<VectorSearchResult<Passage>> HybridSearchAsync<TInput>(
        TInput searchValue, ICollection<string> keywords, int top, HybridSearchOptions<Passage>? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where TInput : notnull
    {
        await Task.CompletedTask;
        foreach ((Passage passage, double score) in _passages
            .Select(each => (each.Passage, Score: keywords.Distinct().Sum(word => Score(word, each.Counts, each.Length))))
            .Where(each => each.Score > 0).OrderByDescending(each => each.Score).Skip(options?.Skip ?? 0).Take(top))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return new VectorSearchResult<Passage>(passage, score);
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => serviceKey is null && serviceType.IsInstanceOfType(this) ? this : null;

    double Score(string word, Dictionary<string, int> counts, int length)
    {
        const double Saturation = 1.2, LengthShare = 0.75;
        int count = counts.GetValueOrDefault(word), containing = _containing.GetValueOrDefault(word);
        double rarity = Math.Log(1 + ((_passages.Count - containing + 0.5) / (containing + 0.5)));
        return rarity * count * (Saturation + 1) / (count + (Saturation * (1 - LengthShare + (LengthShare * length / _meanLength))));
    }

    [GeneratedRegex(@"\p{L}[\p{L}\p{N}]{2,}")]
    private static partial Regex Word();
}

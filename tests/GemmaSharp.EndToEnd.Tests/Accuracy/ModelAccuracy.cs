namespace GemmaSharp.EndToEnd.Tests;

/// <summary>What a model says to the demo's items: its own greedy answers, and its distributions along the reference's answers.</summary>
/// <remarks>Distributions are taken teacher-forced: prompt and recorded answer in one pass, one distribution for each token of the answer.</remarks>
sealed class ModelAccuracy
{
    readonly Dictionary<string, (int Right, int Same, int Items)> _scores = [];

    ModelAccuracy(List<double[]> logProbabilities) => LogProbabilities = logProbabilities;

    /// <summary>Natural logarithms of the probabilities of every token of the vocabulary, for every position of every answer.</summary>
    public IReadOnlyList<double[]> LogProbabilities { get; }

    /// <summary>Items of a kind answered rightly, answered with the reference's tokens, and all.</summary>
    public (int Right, int Same, int Items) Score(string kind) => _scores[kind];

    /// <summary>The sum over all kinds.</summary>
    public (int Right, int Same, int Items) Total => (_scores.Values.Sum(s => s.Right), _scores.Values.Sum(s => s.Same), _scores.Values.Sum(s => s.Items));

    /// <summary>Asks a model everything.</summary>
    public static async Task<ModelAccuracy> MeasureAsync(GemmaModel model, IReadOnlyList<DemoItem> items, CancellationToken cancellationToken = default)
    {
        var accuracy = new ModelAccuracy([]);
        foreach (DemoItem item in items)
        {
            EncodedPrompt prompt = model.Encode([item.Message]);
            var ids = new List<int>();
            string text = "";
            using (GemmaSession session = model.NewSession())
            {
                await foreach (GeneratedToken token in session.GenerateAsync(prompt, new GenerationOptions { Temperature = 0, MaxTokens = 100 }, cancellationToken))
                {
                    ids.Add(token.Id);
                    text += token.Text;
                }
            }

            (int right, int same, int count) = accuracy._scores.GetValueOrDefault(item.Kind);
            accuracy._scores[item.Kind] = (right + (text == item.Truth ? 1 : 0), same + (ids.SequenceEqual(item.TokenIds) ? 1 : 0), count + 1);
            model.Trace(new EncodedPrompt([.. prompt.Ids, .. item.TokenIds[..^1]], prompt.Soft), new Answers((List<double[]>)accuracy.LogProbabilities, prompt.Ids.Length - 1));
        }

        return accuracy;
    }

    /// <summary><c>Σ p · (log p − log q)</c> with p of this model, over all positions.</summary>
    /// <param name="other">The model whose distributions are q.</param>
    /// <returns>The mean and the largest divergence in nats, and the share of positions at which both find the same token most probable.</returns>
    public (double Mean, double Largest, double TopOne) Compare(ModelAccuracy other)
    {
        double sum = 0, largest = 0;
        int same = 0;
        for (int i = 0; i < LogProbabilities.Count; i++)
        {
            double[] p = LogProbabilities[i], q = other.LogProbabilities[i];
            double divergence = 0;
            for (int v = 0; v < p.Length; v++)
            {
                divergence += Math.Exp(p[v]) * (p[v] - q[v]);
            }

            sum += divergence;
            largest = Math.Max(largest, divergence);
            same += Array.IndexOf(p, p.Max()) == Array.IndexOf(q, q.Max()) ? 1 : 0;
        }

        return (sum / LogProbabilities.Count, largest, same / (double)LogProbabilities.Count);
    }

    /// <summary>Keeps the distributions of the positions from the one that predicts the answer's first token.</summary>
    sealed class Answers(List<double[]> distributions, int first) : ITrace
    {
        public bool Wants(string name) => name == "logits";

        public void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids)
        {
        }

        public void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values)
        {
            int vocabulary = (int)shape[^1];
            for (int at = (int)Math.Max(0, ((long)first * vocabulary) - start); at < values.Length; at += vocabulary)
            {
                ReadOnlySpan<float> logits = values.Slice(at, vocabulary);
                double[] probabilities = new double[vocabulary];
                double sum = 0;
                for (int v = 0; v < vocabulary; v++)
                {
                    sum += Math.Exp(logits[v]);
                }

                // Logits are soft-capped at 30, so that the sum needs no shift.
                double norm = Math.Log(sum);
                for (int v = 0; v < vocabulary; v++)
                {
                    probabilities[v] = logits[v] - norm;
                }

                distributions.Add(probabilities);
            }
        }
    }
}

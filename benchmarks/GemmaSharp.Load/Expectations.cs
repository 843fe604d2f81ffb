namespace GemmaSharp.Load;

/// <summary>What each case is answered with when nobody else asks anything.</summary>
sealed class Expectations
{
    readonly Dictionary<LoadCase, IReadOnlyList<string>> _answers = [];

    /// <summary>Has every case answered by the library, each alone.</summary>
    public static async Task<Expectations> ComputeAsync(GemmaModel model, IReadOnlyList<LoadCase> cases, CancellationToken cancellationToken)
    {
        var expectations = new Expectations();
        using ISpeechToTextClient speech = model.AsISpeechToTextClient();
        foreach (LoadCase each in cases)
        {
            if (each.IsTranscription)
            {
                using var sound = new MemoryStream(each.Sound!);
                SpeechToTextResponse response = await speech.GetTextAsync(sound, cancellationToken: cancellationToken).ConfigureAwait(false);
                expectations._answers.Add(each, [response.Text.Trim()]);
                continue;
            }

            GenerationRequest request = each.ToRequest(model);
            var texts = new List<string>();
            for (int i = 0; i < each.Count; i++)
            {
                GenerationOptions own = request.Options! with { Seed = unchecked((ulong)each.Seed + (ulong)i) };
                var text = new System.Text.StringBuilder();
                await foreach (GeneratedToken token in model.Answer(request with { Options = own }, cancellationToken))
                {
                    text.Append(token.Text);
                }

                texts.Add(text.ToString());
            }

            expectations._answers.Add(each, texts);
        }

        return expectations;
    }

    /// <summary>The answers of a case.</summary>
    public IReadOnlyList<string> Of(LoadCase each) => _answers[each];
}

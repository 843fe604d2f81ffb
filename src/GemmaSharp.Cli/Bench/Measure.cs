using GemmaSharp.Cli.Output;

namespace GemmaSharp.Cli.Bench;

/// <summary>A figure by which two results can be compared.</summary>
/// <param name="Name">What was measured; the same in every result that measured it.</param>
/// <param name="Unit">Of the values.</param>
/// <param name="MoreIsBetter">Whether a speed rather than a cost.</param>
/// <param name="Values">One for each run, all above 0.</param>
sealed record Measure(string Name, string Unit, bool MoreIsBetter, IReadOnlyList<double> Values)
{
    /// <summary>The name of the read bandwidth.</summary>
    public const string Reading = "this machine reads";

    /// <summary>The name of the float32 peak.</summary>
    public const string Computing = "this machine computes";

    /// <summary>All figures of results, runs of the same thing together.</summary>
    public static IReadOnlyList<Measure> Of(IEnumerable<BenchResult> results) =>
    [
        .. results.SelectMany(Of).Where(measure => measure.Values.All(value => value > 0 && double.IsFinite(value)))
            .GroupBy(measure => measure.Name, StringComparer.Ordinal)
            .Select(same => same.First() with { Values = [.. same.SelectMany(measure => measure.Values)] }),
    ];

    static IEnumerable<Measure> Of(BenchResult result)
    {
        if (result.Prefill is PrefillResult prefill)
        {
            yield return Speed(Show.Text($"prompt of {prefill.Tokens}"), "tokens/s", prefill.Tokens, prefill.Time);
        }

        if (result.Decode is DecodeResult decode)
        {
            yield return Speed(decode.Name, "tokens/s", decode.Tokens, decode.Time);
        }

        foreach (ConversationsResult talk in result.Conversations)
        {
            yield return Speed(Show.Text($"{talk.Count} at once, {talk.Tokens} tokens each"), "tokens/s", talk.Count * talk.Tokens, talk.Time);
        }

        if (result.Image is EncodeResult image)
        {
            yield return Speed($"picture of {image.Input}", "a second", 1, image.Time);
        }

        if (result.Audio is EncodeResult audio)
        {
            yield return Speed($"sound of {audio.Input}", "a second", 1, audio.Time);
        }

        if (result.Prefix is PrefixResult prefix)
        {
            yield return Speed(Show.Text($"first token of {prefix.Tokens}, cold"), "tokens/s", prefix.Tokens, prefix.Cold);
            yield return Speed(Show.Text($"first token of {prefix.Tokens}, known"), "tokens/s", prefix.Tokens, prefix.Hit);
        }

        if (result.Constrained is ConstrainedResult form)
        {
            yield return Speed(Show.Text($"JSON of {form.Tokens} tokens, free"), "tokens/s", form.Tokens, form.Free);
            yield return Speed(Show.Text($"JSON of {form.Tokens} tokens, masked"), "tokens/s", form.Tokens, form.Masked);
            yield return Speed(Show.Text($"JSON of {form.Tokens} tokens, {form.Forced} not drawn"), "tokens/s", form.Tokens, form.Skipped);
        }

        foreach (SpeculationResult text in result.Speculation)
        {
            yield return Speed(Show.Text($"{text.Name} of {text.Tokens}, plain"), "tokens/s", text.Tokens, text.Plain);
            yield return Speed(Show.Text($"{text.Name} of {text.Tokens}, guessed"), "tokens/s", text.Tokens, text.Guessed);
        }

        yield return new Measure("load time", "s", false, [result.LoadSeconds]);
        yield return new Measure("peak memory", "GiB", false, [result.PeakMemory / (double)(1L << 30)]);
        yield return new Measure(Reading, "GB/s", true, [result.Machine.ReadBandwidth / 1e9]);
        yield return new Measure(Computing, "Gop/s", true, [result.Machine.FloatPeak / 1e9]);
    }

    static Measure Speed(string name, string unit, double count, Measurement time) =>
        new(name, unit, true, [.. time.Seconds.Select(seconds => count / seconds)]);
}

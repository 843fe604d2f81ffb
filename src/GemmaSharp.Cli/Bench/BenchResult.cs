using System.Reflection;
using System.Runtime.InteropServices;

namespace GemmaSharp.Cli.Bench;

/// <summary>What was measured.</summary>
/// <param name="Program">The version, with its commit where the build knew it.</param>
/// <param name="Runtime">The runtime's name and version.</param>
/// <param name="System">The system, and the architecture of the process.</param>
/// <param name="Arguments">What the program was called with.</param>
/// <param name="MeasuredAt">When; null in results of versions that did not say.</param>
sealed record Origin(string Program, string Runtime, string System, string Arguments, DateTimeOffset? MeasuredAt)
{
    /// <summary>What a result says that does not say it.</summary>
    public const string Unknown = "unknown";

    /// <summary>Of this process, now.</summary>
    public static Origin Here(string arguments) => new(
        typeof(Origin).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? Unknown,
        RuntimeInformation.FrameworkDescription, $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}", arguments,
        DateTimeOffset.UtcNow);
}

/// <summary>The machine by its own measure.</summary>
/// <param name="Processor">Its name.</param>
/// <param name="InstructionSet">What kernels use.</param>
/// <param name="Threads">Threads that compute.</param>
/// <param name="ReadBandwidth">Bytes per second from memory.</param>
/// <param name="FloatPeak">Float32 operations per second; a multiply-add is two.</param>
/// <param name="IntegerPeak">The same on bytes, as products of quantised weights compute; 0 where a result does not say.</param>
sealed record Machine(string Processor, string InstructionSet, int Threads, double ReadBandwidth, double FloatPeak, double IntegerPeak);

/// <summary>Reading a prompt.</summary>
/// <param name="Tokens">Its length.</param>
/// <param name="Time">Per prompt, the first token included.</param>
/// <param name="Operations">Operations it takes.</param>
/// <param name="Bytes">Weights that its steps read; 0 where a result does not say.</param>
sealed record PrefillResult(int Tokens, Measurement Time, double Operations, double Bytes);

/// <summary>Drawing tokens one by one.</summary>
/// <param name="Tokens">How many.</param>
/// <param name="Context">Tokens that were there before.</param>
/// <param name="Time">For all of them.</param>
/// <param name="BytesPerToken">Weights read for each.</param>
/// <param name="OperationsPerToken">Operations for each; 0 where a result does not say.</param>
sealed record DecodeResult(int Tokens, int Context, Measurement Time, long BytesPerToken, double OperationsPerToken)
{
    /// <summary>What reports call it.</summary>
    public string Name => Context == 0 ? Output.Show.Text($"answer of {Tokens}") : Output.Show.Text($"answer of {Tokens} after {Context}");
}

/// <summary>Encoding a picture or a clip.</summary>
/// <param name="Input">What was encoded: <c>768 × 768</c>, <c>30 s</c>.</param>
/// <param name="Time">Each.</param>
/// <param name="Operations">Float32 operations it takes.</param>
sealed record EncodeResult(string Input, Measurement Time, double Operations);

/// <summary>Drawing tokens in several conversations at once.</summary>
/// <param name="Count">How many conversations.</param>
/// <param name="Tokens">How many tokens in each.</param>
/// <param name="Time">For all of them.</param>
/// <param name="Operations">Operations for all of them; 0 where a result does not say.</param>
/// <param name="Bytes">Weights that all steps read; 0 where a result does not say.</param>
sealed record ConversationsResult(int Count, int Tokens, Measurement Time, double Operations, double Bytes);

/// <summary>Reading a prompt whose beginning has been computed before.</summary>
/// <param name="Tokens">Its length.</param>
/// <param name="Cold">Time to the first token of a prompt that nothing is known of.</param>
/// <param name="Hit">The same where only the last tokens are new.</param>
sealed record PrefixResult(int Tokens, Measurement Cold, Measurement Hit);

/// <summary>Writing the same JSON object in three ways.</summary>
/// <param name="Tokens">Its tokens.</param>
/// <param name="Free">Drawn without a form.</param>
/// <param name="Masked">Every token drawn among those that its schema allows.</param>
/// <param name="Skipped">The same, and what must follow is not drawn.</param>
/// <param name="Forced">How many tokens that were.</param>
sealed record ConstrainedResult(int Tokens, Measurement Free, Measurement Masked, Measurement Skipped, int Forced);

/// <summary>Where the time of a step goes.</summary>
/// <param name="Of">What the steps do: <c>prompt</c> or <c>answer</c>.</param>
/// <param name="Rows">Tokens of a step.</param>
/// <param name="Steps">How many were counted.</param>
/// <param name="Seconds">Of a step, on average.</param>
/// <param name="Loops">Loops that a step starts on all threads.</param>
/// <param name="LoopSeconds">What starting one costs at least; it is within the time of the parts.</param>
/// <param name="Parts">What adds up to the step, the longest first.</param>
/// <param name="Products">The products among them by kind of layer, the longest first.</param>
sealed record ProfileResult(
    string Of, int Rows, int Steps, double Seconds, double Loops, double LoopSeconds, IReadOnlyList<ProfilePart> Parts, IReadOnlyList<ProfilePart> Products);

/// <summary>A part of a step.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Seconds">In a step.</param>
/// <param name="Bytes">Weights that its products read; 0 where there are none.</param>
/// <param name="Operations">Operations of its products; 0 where there are none.</param>
sealed record ProfilePart(string Name, double Seconds, double Bytes, double Operations);

/// <summary>Writing the same text one token a step, and with guesses.</summary>
/// <param name="Name">What kind of text it is.</param>
/// <param name="Tokens">Its tokens.</param>
/// <param name="Plain">From the end of the prompt to the last token, without guesses.</param>
/// <param name="Guessed">The same with as many as pay.</param>
/// <param name="Drafted">How many those were in the last run.</param>
/// <param name="Accepted">How many of them were right.</param>
sealed record SpeculationResult(string Name, int Tokens, Measurement Plain, Measurement Guessed, int Drafted, int Accepted);

/// <summary>Everything <c>gemma bench</c> found out.</summary>
/// <param name="Origin">By which program, and when.</param>
/// <param name="Model">The checkpoint.</param>
/// <param name="Format">How its weights are stored.</param>
/// <param name="Machine">The yardsticks.</param>
/// <param name="LoadSeconds">Opening and building the model.</param>
/// <param name="Prefill">Null when not asked for.</param>
/// <param name="Decode">Null when not asked for.</param>
/// <param name="Image">Null when not asked for.</param>
/// <param name="Audio">Null when not asked for.</param>
/// <param name="Conversations">Empty when not asked for.</param>
/// <param name="Prefix">Null when not asked for.</param>
/// <param name="Constrained">Null when not asked for.</param>
/// <param name="Profiles">Empty when not asked for.</param>
/// <param name="Speculation">Empty when not asked for.</param>
/// <param name="PeakMemory">Bytes of the process at most, mapped weights included.</param>
sealed record BenchResult(
    Origin Origin, string Model, string Format, Machine Machine, double LoadSeconds,
    PrefillResult? Prefill, DecodeResult? Decode, EncodeResult? Image, EncodeResult? Audio,
    IReadOnlyList<ConversationsResult> Conversations, PrefixResult? Prefix, ConstrainedResult? Constrained,
    IReadOnlyList<SpeculationResult> Speculation, IReadOnlyList<ProfileResult> Profiles, long PeakMemory)
{
    /// <summary>How <see cref="Format"/> ends where activations are rounded to integers.</summary>
    public const string IntegerProducts = "integer products";

    /// <summary>Operations per second that bound its products with weights.</summary>
    public double Peak => Format.EndsWith(IntegerProducts, StringComparison.Ordinal) && Machine.IntegerPeak > 0 ? Machine.IntegerPeak : Machine.FloatPeak;
}

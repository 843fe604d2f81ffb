namespace GemmaSharp.Cli.Bench;

/// <summary>The machine by its own measure.</summary>
/// <param name="InstructionSet">What kernels use.</param>
/// <param name="Threads">Threads that compute.</param>
/// <param name="ReadBandwidth">Bytes per second from memory.</param>
/// <param name="FloatPeak">Float32 operations per second; a multiply-add is two.</param>
sealed record Machine(string InstructionSet, int Threads, double ReadBandwidth, double FloatPeak);

/// <summary>Reading a prompt.</summary>
/// <param name="Tokens">Its length.</param>
/// <param name="Time">Per prompt, the first token included.</param>
/// <param name="Operations">Float32 operations it takes.</param>
sealed record PrefillResult(int Tokens, Measurement Time, double Operations);

/// <summary>Drawing tokens one by one.</summary>
/// <param name="Tokens">How many.</param>
/// <param name="Time">For all of them.</param>
/// <param name="BytesPerToken">Weights read for each.</param>
sealed record DecodeResult(int Tokens, Measurement Time, long BytesPerToken);

/// <summary>Encoding a picture or a clip.</summary>
/// <param name="Input">What was encoded: <c>768 × 768</c>, <c>30 s</c>.</param>
/// <param name="Time">Each.</param>
/// <param name="Operations">Float32 operations it takes.</param>
sealed record EncodeResult(string Input, Measurement Time, double Operations);

/// <summary>Drawing tokens in several conversations at once.</summary>
/// <param name="Count">How many conversations.</param>
/// <param name="Tokens">How many tokens in each.</param>
/// <param name="Time">For all of them.</param>
sealed record ConversationsResult(int Count, int Tokens, Measurement Time);

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

/// <summary>Writing the same text one token a step, and with guesses.</summary>
/// <param name="Name">What kind of text it is.</param>
/// <param name="Tokens">Its tokens.</param>
/// <param name="Plain">From the end of the prompt to the last token, without guesses.</param>
/// <param name="Guessed">The same with as many as pay.</param>
/// <param name="Drafted">How many those were in the last run.</param>
/// <param name="Accepted">How many of them were right.</param>
sealed record SpeculationResult(string Name, int Tokens, Measurement Plain, Measurement Guessed, int Drafted, int Accepted);

/// <summary>Everything <c>gemma bench</c> found out.</summary>
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
/// <param name="Speculation">Empty when not asked for.</param>
/// <param name="PeakMemory">Bytes of the process at most, mapped weights included.</param>
sealed record BenchResult(
    string Model, string Format, Machine Machine, double LoadSeconds,
    PrefillResult? Prefill, DecodeResult? Decode, EncodeResult? Image, EncodeResult? Audio,
    IReadOnlyList<ConversationsResult> Conversations, PrefixResult? Prefix, ConstrainedResult? Constrained,
    IReadOnlyList<SpeculationResult> Speculation, long PeakMemory);

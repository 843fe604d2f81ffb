using GemmaSharp.Checkpoints.Gguf;
using LLama.Native;

namespace GemmaSharp.Llama.Tests;

/// <summary>llama.cpp takes the files that are written here, computes with them what is computed here, and quantises to the same bytes.</summary>
public sealed class JudgeTests : IClassFixture<JudgeTests.SharedFiles>
{
    const string Text = "The capital of Peru is Lima, and 12 + 5 = 17. What is shown here? A red circle is left of a blue square.\n\nThe answer is no.";

    static readonly (string Type, LLamaFtype Native)[] s_types =
    [
        ("q8_0", LLamaFtype.MOSTLY_Q8_0), ("q6_k", LLamaFtype.MOSTLY_Q6_K), ("q5_k_m", LLamaFtype.MOSTLY_Q5_K_M), ("q5_k_s", LLamaFtype.MOSTLY_Q5_K_S),
        ("q5_0", LLamaFtype.MOSTLY_Q5_0), ("q5_1", LLamaFtype.MOSTLY_Q5_1), ("q4_k_m", LLamaFtype.MOSTLY_Q4_K_M), ("q4_k_s", LLamaFtype.MOSTLY_Q4_K_S),
        ("q4_0", LLamaFtype.MOSTLY_Q4_0), ("q4_1", LLamaFtype.MOSTLY_Q4_1), ("iq4_nl", LLamaFtype.MOSTLY_IQ4_NL), ("iq4_xs", LLamaFtype.MOSTLY_IQ4_XS),
        ("q3_k_l", LLamaFtype.MOSTLY_Q3_K_L), ("q3_k_m", LLamaFtype.MOSTLY_Q3_K_M), ("q3_k_s", LLamaFtype.MOSTLY_Q3_K_S), ("q2_k", LLamaFtype.MOSTLY_Q2_K),
    ];

    readonly SharedFiles _shared;

    public JudgeTests(SharedFiles shared)
    {
        LlamaLibrary.Require();
        _shared = shared;
    }

    public static TheoryData<string> Types => [.. GgufConversionOptions.Types];

    public static TheoryData<string, bool> Quantizations =>
        new MatrixTheoryData<string, bool>([.. s_types.Select(type => type.Type)], [false, true]);

    [Theory]
    [MemberData(nameof(Types))]
    public void Files_compute_there_what_they_compute_here(string type)
    {
        string path = _shared.File(type);
        float[] ours = Ours(path, out int[] ids), theirs = LlamaModel.Logits(path, ids);
        Assert.Equal(ours.Length, theirs.Length);
        int vocabulary = ours.Length / ids.Length, same = 0;
        double least = 1;
        for (int t = 0; t < ids.Length; t++)
        {
            ReadOnlySpan<float> a = ours.AsSpan(t * vocabulary, vocabulary), b = theirs.AsSpan(t * vocabulary, vocabulary);
            double ab = 0, aa = 0, bb = 0;
            for (int i = 0; i < vocabulary; i++)
            {
                ab += (double)a[i] * b[i];
                aa += (double)a[i] * a[i];
                bb += (double)b[i] * b[i];
            }

            least = Math.Min(least, ab / Math.Sqrt(aa * bb));
            same += Highest(a) == Highest(b) ? 1 : 0;
        }

        TestContext.Current.SendDiagnosticMessage($"{type}: cosine {least:F6}, {same} of {ids.Length} top 1");
        Assert.True(least >= 0.999, $"The least cosine is {least}, {same} of {ids.Length} most probable tokens agree.");
        Assert.True(same >= 0.99 * ids.Length, $"{same} of {ids.Length} most probable tokens agree, the least cosine is {least}.");
    }

    [Theory]
    [MemberData(nameof(Quantizations))]
    public void Blocks_are_those_of_its_own_quantiser(string type, bool pure)
    {
        string source = _shared.File("f16"), theirs = _shared.Checkpoint[$"theirs-{type}-{pure}.gguf"], ours = _shared.Checkpoint[$"ours-{type}-{pure}.gguf"];
        LlamaModel.Quantize(source, theirs, Array.Find(s_types, each => each.Type == type).Native, pure);
        CheckpointConverter.ConvertToGguf(
            source, ours, new GgufConversionOptions { Type = type, Pure = pure }, cancellationToken: TestContext.Current.CancellationToken);
        using GgufFile expected = GgufFile.Open(theirs), found = GgufFile.Open(ours);
        Assert.Equal(expected.Metadata.Int("general.file_type"), found.Metadata.Int("general.file_type"));
        Assert.Equal(expected.Entries.Select(entry => entry.Name).Order(), found.Entries.Select(entry => entry.Name).Order());
        var faults = new List<string>();
        foreach (GemmaSharp.Checkpoints.TensorEntry entry in expected.Entries)
        {
            GemmaSharp.Checkpoints.TensorEntry other = found.Entries.Single(e => e.Name == entry.Name);
            if ((entry.Type, entry.Blocks) != (other.Type, other.Blocks))
            {
                faults.Add($"{entry.Name} is {other.Blocks}{other.Type} and not {entry.Blocks}{entry.Type}");
            }
            else if (!Bytes(theirs, entry).SequenceEqual(Bytes(ours, other)))
            {
                byte[] a = Bytes(theirs, entry), b = Bytes(ours, other);
                faults.Add($"{entry.Name} ({entry.Blocks}{entry.Type}) differs in {a.Zip(b).Count(pair => pair.First != pair.Second)} of {a.Length} bytes");
            }
        }

        Assert.Empty(faults);
        File.Delete(theirs);
        File.Delete(ours);
    }

    [Fact]
    public void Parts_are_one_model_to_it()
    {
        string path = _shared.Checkpoint["parts.gguf"];
        ConversionResult result = CheckpointConverter.ConvertToGguf(
            _shared.Checkpoint.Folder, path, new GgufConversionOptions { Type = "q8_0", PartBytes = 4 << 20 },
            cancellationToken: TestContext.Current.CancellationToken);
        Assert.InRange(result.Files.Count, 3, 99);
        string first = _shared.Checkpoint[result.Files[0]];
        float[] whole = Ours(_shared.File("q8_0"), out int[] ids);
        Assert.Equal(whole, Ours(first, out _));
        Assert.Equal(LlamaModel.Logits(_shared.File("q8_0"), ids), LlamaModel.Logits(first, ids));
    }

    [Fact]
    public void Vocabulary_is_parsed_to_the_same_ids()
    {
        string path = _shared.File("f16");
        using GemmaModel model = GemmaModel.Load(path);
        foreach (string text in (string[])[Text, "  two  spaces", "a\tb\n\n\nc", "<start_of_turn>user\nHi<end_of_turn>", "naïve – “quoted” 漢字 🙂", "1234567890"])
        {
            Assert.Equal(model.Tokenizer.EncodeToIds(text).Prepend(2), LlamaModel.Tokenize(path, text));
        }
    }

    static float[] Ours(string path, out int[] ids)
    {
        using GemmaModel model = GemmaModel.Load(path, new GemmaModelOptions { Threads = 2, Exact = true });
        EncodedPrompt prompt = model.EncodeText(Text);
        ids = [.. prompt.Ids];
        var trace = new LogitTrace();
        model.Trace(prompt, trace);
        return trace.Logits;
    }

    static int Highest(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            best = values[i] > values[best] ? i : best;
        }

        return best;
    }

    static byte[] Bytes(string path, GemmaSharp.Checkpoints.TensorEntry entry)
    {
        using FileStream stream = File.OpenRead(path);
        stream.Position = entry.Offset;
        byte[] bytes = new byte[entry.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>The checkpoint, and the files made of it so far.</summary>
    public sealed class SharedFiles : IDisposable
    {
        readonly HashSet<string> _written = [];

        internal SmallCheckpoint Checkpoint { get; } = new();

        public string File(string type)
        {
            string path = Checkpoint[type + ".gguf"];
            if (_written.Add(type))
            {
                CheckpointConverter.ConvertToGguf(Checkpoint.Folder, path, new GgufConversionOptions { Type = type });
            }

            return path;
        }

        public void Dispose() => Checkpoint.Dispose();
    }
}

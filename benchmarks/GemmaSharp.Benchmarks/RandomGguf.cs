using System.Buffers.Binary;
using System.Text;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Configuration;
using GemmaSharp.Conversion.Gguf;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Benchmarks;

/// <summary>
/// A GGUF file of the published shapes with random weights, Q4_0 and a head in Q6_K, so that other programs can be timed on the same file without a download. Its
/// vocabulary is made up, too.
/// </summary>
internal static class RandomGguf
{
    const int Seed = 1234, PieceBytes = 1 << 22;

    public static void Write(string[] args)
    {
        if (args is not [("e2b" or "e4b") and string name, string path])
        {
            Console.Error.WriteLine("Give e2b or e4b, and the file to write.");
            Environment.ExitCode = 2;
            return;
        }

        TextConfig text = (name == "e2b" ? Gemma3nConfig.E2B : Gemma3nConfig.E4B).TextConfig;
        Tensor[] tensors = [.. Tensors(text)];
        using var writer = new GgufWriter(path);
        writer.Add("general.architecture", "gemma3n");
        writer.Add("general.name", $"random {name}");
        writer.Add("general.quantization_version", 2);
        writer.Add("general.file_type", (int)BlockType.Q4_0);
        GgufExport.AddText(writer, text);
        AddVocabulary(writer, text.VocabSize);
        foreach (Tensor tensor in tensors)
        {
            writer.Declare(tensor.Name, tensor.Shape, ElementType.F32, tensor.Blocks);
        }

        var random = new Random(Seed);
        foreach (Tensor tensor in tensors)
        {
            WriteTensor(writer, tensor, random);
        }

        writer.Finish();
        Console.WriteLine($"{path}: {new FileInfo(path).Length / 1e9:0.0} GB");
    }

    /// <summary>Pieces, bytes and the few tokens that programs look for.</summary>
    static void AddVocabulary(GgufWriter writer, int size)
    {
        const int Unknown = 3, Bytes = 238, EndOfTurn = 106, NewLine = 107;
        string[] special = ["<pad>", "<eos>", "<bos>", "<unk>"];
        byte[][] tokens = new byte[size][];
        float[] scores = new float[size];
        int[] types = new int[size];
        for (int i = 0; i < size; i++)
        {
            bool isByte = i is >= Bytes and < Bytes + 256;
            string token = i < special.Length ? special[i] : i == EndOfTurn ? "<end_of_turn>" : i == NewLine ? "\n"
                : isByte ? FormattableString.Invariant($"<0x{i - Bytes:X2}>") : FormattableString.Invariant($"w{i}");

            // 1 a piece, 2 the unknown one, 3 a control token, 6 a byte.
            (tokens[i], scores[i], types[i]) = (Encoding.UTF8.GetBytes(token), -i, i == Unknown ? 2 : i < special.Length || i == EndOfTurn ? 3 : isByte ? 6 : 1);
        }

        writer.Add("tokenizer.ggml.model", "llama");
        writer.Add("tokenizer.ggml.pre", "default");
        writer.Add("tokenizer.ggml.tokens", tokens);
        writer.Add("tokenizer.ggml.scores", scores);
        writer.Add("tokenizer.ggml.token_type", types);
        writer.Add("tokenizer.ggml.bos_token_id", 2);
        writer.Add("tokenizer.ggml.eos_token_id", EndOfTurn);
        writer.Add("tokenizer.ggml.unknown_token_id", Unknown);
        writer.Add("tokenizer.ggml.padding_token_id", 0);
        writer.Add("tokenizer.ggml.add_bos_token", true);
        writer.Add("tokenizer.ggml.add_space_prefix", false);
    }

    static IEnumerable<Tensor> Tensors(TextConfig c)
    {
        long hidden = c.HiddenSize, vocabulary = c.VocabSize, perLayer = c.HiddenSizePerLayerInput, streams = c.AltupNumInputs;
        long queries = (long)c.NumAttentionHeads * c.HeadDim, keys = (long)c.NumKeyValueHeads * c.HeadDim;
        yield return new("token_embd.weight", [vocabulary, hidden], BlockType.Q6_K);
        yield return Matrix("per_layer_token_embd", vocabulary, perLayer * c.NumHiddenLayers);
        yield return new("altup_proj.weight", [streams - 1, hidden, hidden], BlockType.Q4_0);
        yield return new("altup_unembd_proj.weight", [streams - 1, hidden, hidden], BlockType.Q4_0);
        yield return Matrix("per_layer_model_proj", perLayer * c.NumHiddenLayers, hidden);
        yield return Ones("per_layer_proj_norm", perLayer);
        yield return Ones("output_norm", hidden);
        for (int layer = 0; layer < c.NumHiddenLayers; layer++)
        {
            string block = FormattableString.Invariant($"blk.{layer}.");
            long wide = c.IntermediateSize[layer];
            Tensor[] tensors =
            [
                Ones("attn_norm", hidden), Matrix("attn_q", queries, hidden), Matrix("attn_k", keys, hidden), Matrix("attn_v", keys, hidden),
                Matrix("attn_output", hidden, queries), Ones("attn_q_norm", c.HeadDim), Ones("attn_k_norm", c.HeadDim), Ones("post_attention_norm", hidden),
                Ones("ffn_norm", hidden), Matrix("ffn_gate", wide, hidden), Matrix("ffn_up", wide, hidden), Matrix("ffn_down", hidden, wide),
                Ones("post_ffw_norm", hidden), Matrix("inp_gate", perLayer, hidden), Matrix("proj", hidden, perLayer), Ones("post_norm", hidden),
                Small("altup_correct_coef", streams, streams), Ones("altup_correct_scale", hidden), Small("altup_predict_coef", streams * streams, streams),
                Small("altup_router", streams, hidden), Ones("altup_router_norm", hidden), Matrix("laurel_l", c.LaurelRank, hidden),
                Matrix("laurel_r", hidden, c.LaurelRank), Ones("laurel_post_norm", hidden),
            ];
            foreach (Tensor tensor in tensors)
            {
                yield return tensor with { Name = block + tensor.Name };
            }
        }

        static Tensor Matrix(string name, long rows, long columns) => new(name + ".weight", [rows, columns], BlockType.Q4_0);

        static Tensor Ones(string name, long width) => new(name + ".weight", [width], null);

        static Tensor Small(string name, long rows, long columns) => new(name + ".weight", [rows, columns], null);
    }

    static void WriteTensor(GgufWriter writer, Tensor tensor, Random random)
    {
        if (tensor.Blocks is not BlockType type)
        {
            float[] values = new float[tensor.Shape.Aggregate(1L, (size, axis) => size * axis)];
            foreach (ref float value in values.AsSpan())
            {
                value = tensor.Shape.Length == 1 ? 1 : 0.05f * (random.NextSingle() - 0.5f);
            }

            writer.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
            return;
        }

        // Rows of the length 1 on average, as trained ones have about.
        double deviation = 1 / Math.Sqrt(tensor.Shape[^1]);
        int size = type.BlockBytes();
        long left = tensor.Shape.Aggregate(1L, (product, axis) => product * axis) / type.BlockSize() * size;
        byte[] piece = new byte[PieceBytes / size * size];
        while (left > 0)
        {
            Span<byte> blocks = piece.AsSpan(0, (int)Math.Min(piece.Length, left));
            random.NextBytes(blocks);
            for (int at = 0; at < blocks.Length; at += size)
            {
                if (type == BlockType.Q4_0)
                {
                    BinaryPrimitives.WriteHalfLittleEndian(blocks[at..], (Half)(deviation / 4.6));
                }
                else
                {
                    // Sixteen scales, and their scale behind them.
                    blocks.Slice(at + size - 18, 16).Fill(64);
                    BinaryPrimitives.WriteHalfLittleEndian(blocks[(at + size - 2)..], (Half)(deviation / 18.5 / 64));
                }
            }

            writer.Write(blocks);
            left -= blocks.Length;
        }
    }

    sealed record Tensor(string Name, long[] Shape, BlockType? Blocks);
}

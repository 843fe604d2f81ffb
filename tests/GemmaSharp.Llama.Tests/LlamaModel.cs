using LLama;
using LLama.Common;
using LLama.Native;

namespace GemmaSharp.Llama.Tests;

/// <summary>What llama.cpp computes with a file.</summary>
static class LlamaModel
{
    /// <summary>The logits behind every token, <c>[tokens, vocabulary]</c>, with float32 caches.</summary>
    public static float[] Logits(string path, ReadOnlySpan<int> ids)
    {
        var parameters = new ModelParams(path)
        {
            ContextSize = 512,
            BatchSize = 512,
            UBatchSize = 512,
            GpuLayerCount = 0,
            Threads = 2,
            BatchThreads = 2,
            FlashAttention = false,
            TypeK = GGMLType.GGML_TYPE_F32,
            TypeV = GGMLType.GGML_TYPE_F32,
        };
        using LLamaWeights weights = LLamaWeights.LoadFromFile(parameters);
        using LLamaContext context = weights.CreateContext(parameters);
        var batch = new LLamaBatch();
        for (int i = 0; i < ids.Length; i++)
        {
            batch.Add((LLamaToken)ids[i], i, LLamaSeqId.Zero, logits: true);
        }

        Assert.Equal(DecodeResult.Ok, context.NativeHandle.Decode(batch));
        float[] logits = new float[ids.Length * weights.Vocab.Count];
        for (int i = 0; i < ids.Length; i++)
        {
            context.NativeHandle.GetLogitsIth(i).CopyTo(logits.AsSpan(i * weights.Vocab.Count));
        }

        return logits;
    }

    /// <summary>The ids of a text, parsed with the vocabulary of a file.</summary>
    public static int[] Tokenize(string path, string text)
    {
        using LLamaWeights weights = LLamaWeights.LoadFromFile(new ModelParams(path) { GpuLayerCount = 0, VocabOnly = true });
        return [.. weights.NativeHandle.Tokenize(text, addBos: true, special: true, System.Text.Encoding.UTF8).Select(token => (int)token)];
    }

    /// <summary>Quantises a file as llama-quantize does.</summary>
    public static void Quantize(string source, string destination, LLamaFtype type, bool pure = false)
    {
        LLamaModelQuantizeParams parameters = LLamaModelQuantizeParams.Default();
        parameters.ftype = type;
        parameters.nthread = 2;
        parameters.pure = pure;
        Assert.Equal(0u, NativeApi.llama_model_quantize(source, destination, ref parameters));
    }
}

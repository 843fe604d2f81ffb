using GemmaSharp.Checkpoints;

namespace GemmaSharp.Forecast;

/// <summary>What the runtime, its compiled code and the tokenizer take: no sum of anything, but measured (docs/memory.md).</summary>
static class RuntimeMemory
{
    /// <summary>What answering adds: code, and what compiling it took.</summary>
    public const long Compiled = 18L << 20;

    /// <summary>A program that has loaded a model without a vocabulary.</summary>
    const long Base = 57L << 20;

    /// <summary>Bytes for each one of <c>tokenizer.json</c>, or of a GGUF file's keys.</summary>
    const double PerTokenizerByte = 2;

    /// <summary>The bytes beside a checkpoint's weights.</summary>
    public static long Of(Checkpoint checkpoint)
    {
        if (checkpoint.Gguf is not null)
        {
            return Of(checkpoint.Gguf.First.Entries.Select(entry => entry.Offset).FirstOrDefault());
        }

        var tokenizer = new FileInfo(Path.Combine(checkpoint.Folder, "tokenizer.json"));
        return Of(tokenizer.Exists ? tokenizer.Length : 0);
    }

    static long Of(long tokenizerBytes) => Base + (long)(PerTokenizerByte * tokenizerBytes);
}

using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Conversion.Gguf;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Prompting.Chat;

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>Checkpoints as GGUF files.</summary>
static class GgufFiles
{
    public static GgufForm F32 { get; } = new(ElementType.F32);

    public static GgufForm F16 { get; } = new(ElementType.F16);

    public static GgufForm BF16 { get; } = new(ElementType.BF16);

    public static GgufForm Q8 { get; } = new(ElementType.F16, BlockType.Q8_0);

    public static GgufForm Q4 { get; } = new(ElementType.F16, BlockType.Q4_0);

    /// <summary>Writes the text model, and with a path for it the towers.</summary>
    public static void Write(string source, string path, GgufForm form, string? projector = null)
    {
        Tokenizer tokenizer = Tokenizer.Load(source);
        int rows;
        string? template;
        using (GemmaSharp.Checkpoints.Checkpoint checkpoint = GemmaSharp.Checkpoints.Checkpoint.Open(source, new() { HeadersOnly = true }))
        {
            rows = checkpoint.Config.TextConfig.VocabSize;
            template = checkpoint.Gguf is GgufModel gguf ? gguf.First.Metadata.Text("tokenizer.chat_template") : ChatTemplateFiles.Read(source);
        }

        GgufExport.WriteText(source, path, form, writer => GgufTokenizer.Add(writer, tokenizer, rows, template));
        if (projector is not null)
        {
            Assert.True(GgufExport.WriteProjector(source, projector, form));
        }
    }

    /// <summary>Where the data of a file begin.</summary>
    public static int FirstByte(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return (int)file.Entries[0].Offset;
    }
}

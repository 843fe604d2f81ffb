using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Conversion.Gguf;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Prompting.Chat;

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>Checkpoints as GGUF files.</summary>
static class GgufFiles
{
    /// <summary>Writes the text model, and with a path for it the towers.</summary>
    public static void Write(string source, string path, string form, string? projector = null)
    {
        Tokenizer tokenizer = Tokenizer.Load(source);
        int rows;
        string? template;
        using (GemmaSharp.Checkpoints.Checkpoint checkpoint = GemmaSharp.Checkpoints.Checkpoint.Open(source, new() { HeadersOnly = true }))
        {
            rows = checkpoint.Config.TextConfig.VocabSize;
            template = checkpoint.Gguf is GgufModel gguf ? gguf.First.Metadata.Text("tokenizer.chat_template") : ChatTemplateFiles.Read(source);
        }

        using var team = new WorkerTeam(2);
        var work = new GgufWork(new GgufConversionOptions { Type = form }, team, null, CancellationToken.None);
        GgufExport.WriteText(source, path, work, writer => GgufTokenizer.Add(writer, tokenizer, rows, template));
        if (projector is not null)
        {
            Assert.True(GgufExport.WriteProjector(source, projector, work));
        }
    }

    /// <summary>Where the data of a file begin.</summary>
    public static int FirstByte(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return (int)file.Entries[0].Offset;
    }
}

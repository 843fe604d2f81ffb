using System.Text.Json;
using Spectre.Console;

namespace GemmaSharp.Cli.Output;

/// <summary>An estimate of memory as a table and as JSON.</summary>
static class MemoryTable
{
    /// <summary>Prints the parts that are not zero, with sums between.</summary>
    public static void Print(CliConsole console, MemoryEstimate memory)
    {
        Table table = new Table().Border(TableBorder.Simple).Title("[bold]memory[/]").AddColumn("what").AddColumn(new TableColumn("bytes").RightAligned());
        Add("quantised weights, as products read them", memory.PackedBytes);
        Add("small tensors, as float32", memory.CopiedBytes);
        Add("runtime, program, tokenizer", memory.RuntimeBytes);
        Sum("after loading", memory.LoadedBytes);
        Add("code that answering compiles", memory.CompiledBytes);
        Add("other weights, where the files have them", memory.MappedBytes);
        Add(Show.Text($"scratch of a step of {memory.StepRows} tokens"), memory.ScratchBytes);
        Add(Show.Text($"keys and values of {memory.ContextLength} tokens"), memory.ConversationBytes);
        Sum("at the end of a conversation of text", memory.TextBytes);
        Add("weights that see, from the first picture on", memory.VisionBytes);
        Add("while a picture is encoded", memory.PictureBytes);
        Add("weights that hear, from the first sound on", memory.AudioBytes);
        Add("while half a minute of sound is encoded", memory.SoundBytes);
        if (memory.Memory is not null)
        {
            Add("kept of encoded pictures and sound, at most", memory.EncodedBytes);
            Add("keys and values of all answers, at most", memory.CacheBytes);
        }

        Sum("at most", memory.TotalBytes);
        console.Styled.Write(table);
        if (memory.Memory is long limit)
        {
            console.Out.WriteLine(Show.Text($"chosen to keep to {Show.Bytes(limit)}: {memory.ContextLength} tokens of context, steps of {memory.StepRows}, ")
                + (memory.ImageSize is int side ? Show.Text($"pictures of {side} pixels, ") : "") + Show.Text($"{memory.MaxActive} answer(s) at once"));
        }

        void Add(string what, long bytes)
        {
            if (bytes > 0)
            {
                table.AddRow(Markup.Escape(what), Show.Bytes(bytes));
            }
        }

        void Sum(string what, long bytes) => table.AddRow($"[bold]{Markup.Escape(what)}[/]", $"[bold]{Show.Bytes(bytes)}[/]");
    }

    /// <summary>Writes the property <c>memory</c>, null where nothing was asked.</summary>
    public static void Write(Utf8JsonWriter json, MemoryEstimate? memory)
    {
        if (memory is null)
        {
            json.WriteNull("memory");
            return;
        }

        json.WriteStartObject("memory");
        json.WriteNumber("packed", memory.PackedBytes);
        json.WriteNumber("mapped", memory.MappedBytes);
        json.WriteNumber("copied", memory.CopiedBytes);
        json.WriteNumber("runtime", memory.RuntimeBytes);
        json.WriteNumber("compiled", memory.CompiledBytes);
        json.WriteNumber("scratch", memory.ScratchBytes);
        json.WriteNumber("conversation", memory.ConversationBytes);
        json.WriteNumber("vision", memory.VisionBytes);
        json.WriteNumber("picture", memory.PictureBytes);
        json.WriteNumber("audio", memory.AudioBytes);
        json.WriteNumber("sound", memory.SoundBytes);
        json.WriteNumber("encoded", memory.EncodedBytes);
        json.WriteNumber("cache", memory.CacheBytes);
        json.WriteNumber("loaded", memory.LoadedBytes);
        json.WriteNumber("text", memory.TextBytes);
        json.WriteNumber("total", memory.TotalBytes);
        json.WriteNumber("context_length", memory.ContextLength);
        json.WriteNumber("step_rows", memory.StepRows);
        json.WriteNumber("max_active", memory.MaxActive);
        WriteNumber("image_size", memory.ImageSize);
        WriteNumber("limit", memory.Memory);
        json.WriteEndObject();

        void WriteNumber(string name, long? value)
        {
            if (value is long number)
            {
                json.WriteNumber(name, number);
            }
            else
            {
                json.WriteNull(name);
            }
        }
    }
}

using System.CommandLine;
using System.Diagnostics;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma convert SRC DST</c>: writes a checkpoint in another form.</summary>
static class ConvertCommand
{
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var source = new Argument<string>("SRC")
        {
            Description = "Folder of a checkpoint, a GGUF file, or ORG/NAME of a checkpoint in the Hugging Face cache.",
        };
        var destination = new Argument<string>("DST") { Description = "A new folder for the result, or a name that ends in .gguf for a GGUF file." };
        var options = new ConvertOptions(global);
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command(
            "convert", "Write a checkpoint in another form: Hugging Face or MLX, quantised or not, smaller, in other files.") { source, destination };
        options.AddTo(command);
        command.Add(json);
        command.SetAction(async parse =>
        {
            if (parse.GetValue(global.Model) is not null)
            {
                throw CliException.Usage("--model is given; \"gemma convert\" takes the checkpoint as its first argument.");
            }

            string from = parse.GetRequiredValue(source), to = parse.GetRequiredValue(destination);
            if (from.Length == 0 || to.Length == 0)
            {
                throw CliException.Usage($"{(from.Length == 0 ? source.Name : destination.Name)} is empty; give the folder of a checkpoint and a new one.");
            }

            if (to.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
            {
                return await WriteGgufAsync(parse, from, to).ConfigureAwait(false);
            }

            ConversionOptions conversion = options.Read(parse);
            from = ModelLocator.Find(from);
            using Interrupts.Scope interrupt = console.Interrupts.Begin();
            long start = Stopwatch.GetTimestamp();
            ConversionResult result = await new ProgressSign(console, parse.GetValue(global.Quiet)).WhileAsync<ConversionProgress, ConversionResult>(
                "Converting", Describe, progress => CheckpointConverter.Convert(from, to, conversion, progress, interrupt.Token)).ConfigureAwait(false);
            Print(console, result, Stopwatch.GetElapsedTime(start), parse.GetValue(json), parse.GetValue(global.Quiet));
            return ExitCode.Done;
        });
        return new CliCommand(
            command,
            "gemma convert ./gemma-3n-E2B-it ./e2b-4bit --bits 4",
            "gemma convert ./e4b-mlx-8bit ./e4b-bf16 --dequantize --layout hf",
            "gemma convert ./gemma-3n-E4B-it ./e2b --slice E2B --max-shard-size 2GB",
            "gemma convert ./gemma-3n-E2B-it ./e2b.gguf --type q4_k_m");

        async Task<int> WriteGgufAsync(ParseResult parse, string from, string to)
        {
            GgufConversionOptions conversion = options.ReadGguf(parse);
            from = ModelLocator.Find(from);
            bool quiet = parse.GetValue(global.Quiet);
            using Interrupts.Scope interrupt = console.Interrupts.Begin();
            long start = Stopwatch.GetTimestamp();
            ConversionResult result = await new ProgressSign(console, quiet).WhileAsync<ConversionProgress, ConversionResult>(
                "Converting", Describe, progress => CheckpointConverter.ConvertToGguf(from, to, conversion, progress, interrupt.Token)).ConfigureAwait(false);
            Print(console, result, Stopwatch.GetElapsedTime(start), parse.GetValue(json), quiet);
            return ExitCode.Done;
        }
    }

    static (string Now, double Share) Describe(ConversionProgress progress) =>
        (progress.Verifying ? "Verifying" : "Converting", progress.TotalBytes == 0 ? 1 : progress.DoneBytes / (double)progress.TotalBytes);

    static void Print(CliConsole console, ConversionResult result, TimeSpan elapsed, bool json, bool quiet)
    {
        if (json)
        {
            JsonOutput.Print(console, writer =>
            {
                writer.WriteStartObject();
                writer.WriteConversion(result);
                writer.WriteMeasured("seconds", elapsed.TotalSeconds);
                writer.WriteEndObject();
            });
            return;
        }

        if (quiet)
        {
            return;
        }

        foreach (string note in result.Notes)
        {
            console.Notice("gemma: note: " + note);
        }

        string files = result.Files.Count == 1 ? "one file" : Show.Text($"{result.Files.Count} files");

        // Of a GGUF model the file is what --model is given.
        string place = result.Files[0].EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? Path.Combine(result.Folder, result.Files[0]) : result.Folder;
        string quantized = result.QuantizedModules == 0
            ? ""
            : Show.Text($", {result.QuantizedModules} modules quantised, {result.BitsPerWeight:0.00} bits per weight");
        console.Out.WriteLine(Show.Text(
            $"{place}: {result.Tensors} tensors in {files}, {Show.Bytes(result.Bytes)}{quantized}; written and read back in {Show.Time(elapsed)}."));
    }
}

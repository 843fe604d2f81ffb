using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Benchmarks;

/// <summary>What <see cref="GemmaModel.EstimateMemory"/> predicts beside what a process really has in memory, for models of every form; Linux only.</summary>
internal static class MemoryReport
{
    const string Demo = "models/gemma-3n-demo";
    const int AnswerTokens = 24;

    static readonly string[] s_forms =
    [
        "bf16", "affine-8-64", "affine-6-64", "affine-4-64", "affine-4-32", "affine-3-64", "affine-2-64", "mxfp8", "mxfp4", "nvfp4",
        "gguf-q8_0", "gguf-q4_0", "gguf-q4_k_m", "gguf-q6_k",
    ];

    /// <summary>
    /// <c>memory [--e2b TOKENIZER-FOLDER] [FORM…]</c>, in the root of the repository. With <c>--e2b</c> of E2B's shapes, quantised and without towers, with the
    /// tokenizer of that folder; otherwise of a fifteenth of that, in every form, with towers in the last lines.
    /// </summary>
    public static void Write(string[] args)
    {
        string? tokenizer = args is ["--e2b", string found, ..] ? found : null;
        string[] forms = tokenizer is not null ? args[2..] : args;
        string folder = Directory.CreateTempSubdirectory("gemma-memory-").FullName;
        Console.WriteLine("| weights | context | | predicted, MB | measured, MB | anonymous | of files | ratio | most at any time |");
        Console.WriteLine("|---|--:|---|--:|--:|--:|--:|--:|--:|");
        try
        {
            if (tokenizer is not null)
            {
                foreach (string form in forms.Length > 0 ? forms : ["affine-4-64"])
                {
                    string model = Directory.CreateDirectory(Path.Combine(folder, form)).FullName;
                    SizedCheckpoint.Write(model, Demo, Gemma3nConfig.E2B.TextConfig, towers: false, Recipe(form), tokenizer);
                    Measure(form, model, [2048], "2GiB");
                    Directory.Delete(model, recursive: true);
                }

                return;
            }

            string whole = Directory.CreateDirectory(Path.Combine(folder, "bf16")).FullName;
            SizedCheckpoint.Write(whole, Demo, SizedCheckpoint.Middle, towers: false);
            foreach (string form in forms.Length > 0 ? forms : s_forms)
            {
                Measure(form, Convert(whole, form, folder), [1200, 2048], "360MiB");
            }

            string seeing = Directory.CreateDirectory(Path.Combine(folder, "seeing")).FullName;
            SizedCheckpoint.Write(seeing, Demo, SizedCheckpoint.Middle, towers: true);
            string quantised = Convert(seeing, "affine-4-64", folder);
            Print("affine-4-64, towers", 600, "picture", quantised, new Work(600, true, null));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What a child does: load, answer, look at itself. <c>memory-child MODEL JSON</c></summary>
    public static async Task ChildAsync(string[] args)
    {
        Work work = JsonSerializer.Deserialize<Work>(args[1])!;
        using GemmaModel model = GemmaModel.Load(args[0], work.Options);
        if (work.Tokens == 0)
        {
            Console.WriteLine(JsonSerializer.Serialize(Resident.Now()));
            return;
        }

        await using GemmaSession session = model.NewSession();
        int context = Math.Min(work.Tokens, model.ContextLength);
        var options = new GenerationOptions { MaxTokens = AnswerTokens, IgnoreEos = true, Seed = 1 };
        if (work.Picture)
        {
            var image = new RgbImage(640, 480, new byte[640 * 480 * 3]);
            await foreach (GeneratedToken _ in session.GenerateAsync(ChatMessage.User(new ImagePart(image), new TextPart("What is this?")), options))
            {
            }
        }

        // Any rows of the tables, as likely as others.
        var random = new Random(1);
        int end = Math.Min(model.Config.TextConfig.VocabSizePerLayerInput, model.Tokenizer.VocabularySize);
        int[] ids = [.. Enumerable.Range(0, context - AnswerTokens).Select(_ => random.Next(end))];
        var prompt = new EncodedPrompt(ids, [], AdapterSet.None, model.Linears);
        await foreach (GeneratedToken _ in session.GenerateAsync(prompt, options))
        {
        }

        Console.WriteLine(JsonSerializer.Serialize(Resident.Now()));
    }

    static void Measure(string form, string model, int[] contexts, string memory)
    {
        Print(form, 0, "loaded", model, new Work(0, false, null));
        foreach (int context in contexts)
        {
            Print(form, context, "answered", model, new Work(context, false, null));
        }

        long limit = Cli.Options.ByteSizes.Parse(memory)!.Value;
        try
        {
            int context = GemmaModel.EstimateMemory(model, new GemmaModelOptions { Memory = limit }).ContextLength;
            Print(form, context, $"--memory {memory}", model, new Work(context, false, limit));
        }
        catch (MemoryLimitException refusal)
        {
            Console.WriteLine($"| {form} | | --memory {memory} | {Mega(refusal.NeededBytes)} | refused | | | | |");
        }
    }

    static void Print(string form, int context, string what, string model, Work work)
    {
        MemoryEstimate estimate = GemmaModel.EstimateMemory(model, work.Options);
        long predicted = work.Tokens == 0 ? estimate.LoadedBytes : work.Picture ? estimate.TotalBytes : estimate.TextBytes;
        Resident measured = Run(model, work);
        double ratio = (double)predicted / (work.Picture ? measured.Most : measured.Bytes);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {form} | {context} | {what} | {Mega(predicted)} | {Mega(measured.Bytes)} ")
            + string.Create(CultureInfo.InvariantCulture, $"| {Mega(measured.Anonymous)} | {Mega(measured.OfFiles)} | {ratio:0.000} ")
            + $"| {Mega(measured.Most)} |");
    }

    static Resident Run(string model, Work work)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["memory-child", model, JsonSerializer.Serialize(work)]) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Insert(0, typeof(MemoryReport).Assembly.Location);
        }

        using Process child = Process.Start(start) ?? throw new InvalidOperationException("The child could not be started.");
        string output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return JsonSerializer.Deserialize<Resident>(output)!;
    }

    static string Convert(string source, string form, string folder)
    {
        string destination = Path.Combine(folder, form + "-of-" + Path.GetFileName(source));
        if (form == "bf16")
        {
            return source;
        }

        if (form.StartsWith("gguf-", StringComparison.Ordinal))
        {
            CheckpointConverter.ConvertToGguf(source, destination + ".gguf", new GgufConversionOptions { Type = form["gguf-".Length..], Towers = false });
            return destination + ".gguf";
        }

        CheckpointConverter.Convert(source, destination, new ConversionOptions { Quantize = Recipe(form) });
        return destination;
    }

    static QuantizationRecipe Recipe(string form)
    {
        string[] parts = form.Split('-');
        return QuantizationFormat.TryParseMode(parts[0], out QuantizationMode mode)
            ? new QuantizationRecipe { Format = QuantizationFormat.Create(mode, Number(1), Number(2)) }
            : throw new ArgumentException($"{form} is no form; give affine-4-64, mxfp4 or gguf-q4_0, for example.", nameof(form));

        int? Number(int index) => parts.Length > index ? int.Parse(parts[index], CultureInfo.InvariantCulture) : null;
    }

    static string Mega(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0}");

    /// <summary>What a child is to do.</summary>
    /// <param name="Tokens">Tokens of prompt and answer; 0 for loading alone.</param>
    /// <param name="Picture">Whether it looks at a picture before.</param>
    /// <param name="Memory">What it is to keep to.</param>
    internal sealed record Work(int Tokens, bool Picture, long? Memory)
    {
        /// <summary>How it loads.</summary>
        [System.Text.Json.Serialization.JsonIgnore]
        public GemmaModelOptions Options => new()
        {
            ContextLength = Memory is null && Tokens > 0 ? Tokens : null,
            Vision = Picture,
            Audio = Picture,
            MaxActive = 1,
            Memory = Memory,
        };
    }

    /// <summary>What a process has in memory.</summary>
    /// <param name="Anonymous">Its own bytes.</param>
    /// <param name="OfFiles">Bytes of files: mapped weights, programs.</param>
    /// <param name="Most">The most that it ever had.</param>
    internal sealed record Resident(long Anonymous, long OfFiles, long Most)
    {
        /// <summary>All of them.</summary>
        public long Bytes => Anonymous + OfFiles;

        /// <summary>Of this process, as the system counts.</summary>
        public static Resident Now()
        {
            Dictionary<string, long> fields = File.ReadLines("/proc/self/status").Where(line => line.EndsWith(" kB", StringComparison.Ordinal))
                .Select(line => line.Split(':')).ToDictionary(pair => pair[0], pair => long.Parse(pair[1][..^3], CultureInfo.InvariantCulture) * 1024);
            return new Resident(fields["RssAnon"], fields["RssFile"] + fields["RssShmem"], fields["VmHWM"]);
        }
    }
}

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;
using GemmaSharp.Cli.Plots;
using GemmaSharp.Configuration;
using GemmaSharp.Generation;
using GemmaSharp.Numerics.MachineCode;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma bench</c>: how fast a model runs here, held against what the machine can do.</summary>
sealed class BenchCommand(GlobalOptions global, CliConsole console)
{
    const int PublishedSide = 768;
    const int DefaultPrompt = 512;
    const int DefaultAnswer = 64;
    const int MostConversations = 256;

    readonly Option<string?> _synthetic = new("--synthetic")
    {
        HelpName = "e2b|e4b",
        Description = "Make up a model of the published shapes in memory (bf16: 9 or 14 GB) instead of reading one.",
    };
    readonly Option<int?> _layers = Numbers.Whole(
        "--layers", "N", "With --synthetic: fewer text layers than published, to save time and memory.", BenchModel.LeastLayers, 35);
    readonly SliceOption _slice = new();
    readonly RecipeOptions _recipe = new();
    readonly CacheTypeOption _cacheType = new();
    readonly Option<bool> _exact = new("--exact") { Description = "Multiply quantised weights with float32 activations instead of integers." };
    readonly Option<int?> _prefill = Numbers.Whole("--prompt-tokens", "N", "Tokens of the prompt; 0 leaves it out. Default: 512.", 0, 1 << 20);
    readonly Option<int?> _decode = Numbers.Whole("--answer-tokens", "N", "Tokens of the answer; 0 leaves it out. Default: 64.", 0, 1 << 20);
    readonly Option<int?> _context = Numbers.Whole(
        "--context", "N", "Tokens that are there before the answer, which then has at most 512. Default: 0.", 0, 1 << 20);
    readonly Option<string[]> _adapters = AdapterArgument.NewOption("--adapter", "Time prompt and answer with a LoRA adapter; may be given several times.");
    readonly Option<bool> _image = new("--image") { Description = "Also time the vision tower on one picture." };
    readonly Option<bool> _audio = new("--audio") { Description = "Also time the audio tower on 30 seconds of sound." };
    readonly Option<int?> _imageSize = Numbers.Whole("--image-size", "N", "Side of the picture. Default: the checkpoint's.", 32, 2048);
    readonly Option<string?> _conversations = new("--conversations")
    {
        HelpName = "N,N…",
        Description = "Also time so many conversations at once, for example 1,2,4,8; each has the tokens of --answer-tokens.",
    };
    readonly Option<bool> _constrained = new("--constrained")
    {
        Description = "Also time a JSON object: freely, by its schema, and without drawing what must follow.",
    };
    readonly Option<bool> _prefix = new("--prefix") { Description = "Also time the first token of a prompt that was computed before but for its last tokens." };
    readonly Option<bool> _profile = new("--profile")
    {
        Description = "Also say where the time of a prompt's and of an answer's steps goes, part by part.",
    };
    readonly Option<string?> _plot = PlotOption.Create("prompt, answer and conversations under the roof of this machine's memory and arithmetic");
    readonly Option<string?> _compare = new("--compare")
    {
        HelpName = "BASELINE.json",
        Description = "Print how this run, or --result, compares with what \"gemma bench --json\" printed before; a file may hold several results.",
    };
    readonly Option<string?> _result = new("--result")
    {
        HelpName = "FILE.json",
        Description = "Measure nothing: compare, or draw, what \"gemma bench --json\" printed.",
    };
    readonly Option<bool> _speculation = new("--speculation")
    {
        Description = "Also time texts that copy, list and do neither, one token a step and with guesses at the next ones.",
    };
    readonly Option<int?> _repetitions = Numbers.Whole("--repetitions", "N", "Runs of each, after one to warm up; the median counts. Default: 3.", 1, 1000);
    readonly Option<bool> _json = GlobalOptions.NewJson();

    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var bench = new BenchCommand(global, console);
        var command = new Command("bench", "Measure prompt and answer speed, load time and memory, and what share of the machine they use.")
        {
            bench._synthetic, bench._layers, bench._slice.Option, bench._exact, bench._cacheType.Option, bench._prefill, bench._decode,
                bench._context, bench._adapters, bench._image, bench._audio, bench._imageSize, bench._conversations, bench._prefix,
                bench._constrained, bench._speculation, bench._profile, bench._plot, bench._compare, bench._result, bench._repetitions, bench._json,
        };
        foreach (Option option in bench._recipe.All)
        {
            command.Add(option);
        }

        command.SetAction(bench.RunAsync);
        return new CliCommand(command, "gemma bench", "gemma bench --model google/gemma-3n-E2B-it --image --audio", "gemma bench --synthetic e2b --bits 4",
            "gemma bench --conversations 1,2,4,8 --prefix --constrained --speculation",
            "gemma bench --synthetic e4b --slice E2B", "gemma bench --synthetic e4b --layers 10 --json",
            "gemma bench --synthetic e2b --bits 4 --profile --plot roofline.png", "gemma bench --compare before.json",
            "gemma bench --compare before.json --result after.json");
    }

    async Task<int> RunAsync(ParseResult parse)
    {
        IReadOnlyList<BenchResult>? old = parse.GetValue(_compare) is string baseline ? BenchFile.Read(baseline) : null;
        string? plot = parse.GetValue(_plot);
        string? stored = parse.GetValue(_result);
        if (plot is not null)
        {
            OutputFiles.RequireWritable(plot);
            RequirePoints(stored is not null || (parse.GetValue(_prefill) ?? DefaultPrompt) > 0 || (parse.GetValue(_decode) ?? DefaultAnswer) > 0);
        }

        IReadOnlyList<BenchResult> results = stored is not null
            ? ReadStored(stored, old is not null || plot is not null) : [await MeasureAsync(parse).ConfigureAwait(false)];
        RequirePoints(plot is null || RooflinePlot.PointsOf(results[^1]).Count > 0);
        PlotOption.Write(plot, () => RooflinePlot.Draw(results[^1]));
        Report(parse, results, old);
        return ExitCode.Done;
    }

    static void RequirePoints(bool there)
    {
        if (!there)
        {
            throw CliException.Usage("There is nothing to draw, since neither a prompt nor an answer was measured; leave --prompt-tokens or --answer-tokens "
                + "out, or give a result that says how much was computed and read.");
        }
    }

    static IReadOnlyList<BenchResult> ReadStored(string file, bool isUsed) => isUsed ? BenchFile.Read(file)
        : throw CliException.Usage("--result is given without --compare and --plot; say what to do with the stored result.");

    void Report(ParseResult parse, IReadOnlyList<BenchResult> results, IReadOnlyList<BenchResult>? old)
    {
        BenchComparison? comparison = old is null ? null : new BenchComparison(old, results);
        if (comparison is { Ratios.Count: 0 })
        {
            throw CliException.Input("The results have no figure in common; compare runs with the same options.");
        }

        if (parse.GetValue(_json))
        {
            JsonOutput.Print(console, writer =>
            {
                if (comparison is not null)
                {
                    ComparisonReport.Write(writer, comparison);
                }
                else
                {
                    BenchReport.Write(writer, results[^1]);
                }
            });
            return;
        }

        if (parse.GetValue(_result) is null)
        {
            BenchReport.Print(console, results[^1]);
        }

        if (comparison is not null)
        {
            ComparisonReport.Print(console, comparison);
        }
    }

    async Task<BenchResult> MeasureAsync(ParseResult parse)
    {
        string? synthetic = parse.GetValue(_synthetic);
        if (synthetic is not (null or "e2b" or "e4b"))
        {
            throw CliException.Usage($"--synthetic is {synthetic}; e2b or e4b is needed.");
        }

        if (synthetic is null && parse.GetValue(_layers) is not null)
        {
            throw CliException.Usage("--layers is given without --synthetic; a checkpoint has the layers it has.");
        }

        MatFormerSlice? slice = _slice.Read(parse);
        QuantizationRecipe? recipe = _recipe.Read(parse);
        if (synthetic is null && recipe is not null)
        {
            throw CliException.Usage("Quantising is asked for without --synthetic; a checkpoint is timed as it is stored, and \"gemma convert\" quantises "
                + "one.");
        }

        using Interrupts.Scope interrupt = console.Interrupts.Begin();
        return await new BusySign(console, parse.GetValue(global.Quiet))
            .WhileAsync("Measuring", Task.Run(() => Measure(parse, synthetic, slice, recipe, interrupt.Token))).ConfigureAwait(false);
    }

    BenchResult Measure(ParseResult parse, string? synthetic, MatFormerSlice? slice, QuantizationRecipe? recipe, CancellationToken cancellationToken)
    {
        bool image = parse.GetValue(_image), audio = parse.GetValue(_audio);
        int repetitions = parse.GetValue(_repetitions) ?? 3;
        using var team = new WorkerTeam(parse.GetValue(global.Threads) ?? Environment.ProcessorCount);
        var machine = new Machine(
            MachineProbe.ProcessorName, MachineProbe.InstructionSet + (Processor.HasVnni512 ? ", assembled VNNI" : ""), team.Threads,
            MachineProbe.MeasureReadBandwidth(team), MachineProbe.MeasureFloatPeak(team), MachineProbe.MeasureIntegerPeak(team));
        var options = new CheckpointOptions
        {
            Slice = slice,
            Projector = synthetic is null ? global.ProjectorOf(parse) : null,
            Products = parse.GetValue(_exact) ? ProductMode.Exact : ProductMode.Fast,
            CacheType = _cacheType.Read(parse),
        };
        using BenchModel model = synthetic is null
            ? BenchModel.Open(ModelLocator.Find(parse.GetValue(global.Model)), options, image, audio, team)
            : BenchModel.Synthesize(synthetic, parse.GetValue(_layers), recipe, options, image, audio, team, cancellationToken);
        Gemma3nConfig config = model.Checkpoint.Config;
        AdapterSet adapters = LoadAdapters(parse, model);
        int[] conversations = ReadConversations(parse);
        (PrefillResult? prefill, DecodeResult? decode, ProfileResult[] profiles) = MeasureText(model, adapters, parse, repetitions, team, cancellationToken);
        (ConversationsResult[] talks, PrefixResult? prefix, ConstrainedResult? form, IReadOnlyList<SpeculationResult> texts) = MeasureEngine(
            model, adapters, conversations, parse, repetitions, team, cancellationToken);
        EncodeResult? picture = null, sound = null;
        if (image)
        {
            RequireTower(model.Parts.Vision, "--image", "vision");
            int side = parse.GetValue(_imageSize) ?? (synthetic is null ? model.Checkpoint.LoadProcessor().ImageProcessor.Height : PublishedSide);
            picture = MediaBench.Image(model.Parts.Vision!, config.VisionConfig!, side, repetitions, team, cancellationToken);
        }

        if (audio)
        {
            RequireTower(model.Parts.Audio, "--audio", "audio");
            sound = MediaBench.Audio(model.Parts.Audio!, config.AudioConfig!, 30, repetitions, team, cancellationToken);
        }

        using Process process = Process.GetCurrentProcess();
        string name = string.Join(" + ", [model.Name, .. adapters.Adapters.Select(weighted => weighted.Adapter.Name)]);
        return new BenchResult(
            Origin.Here(string.Join(' ', parse.Tokens.Select(token => token.Value))), name, model.Format, machine,
            model.LoadSeconds, prefill, decode, picture, sound, talks, prefix, form, texts, profiles, process.PeakWorkingSet64);
    }

    (PrefillResult? Prefill, DecodeResult? Decode, ProfileResult[] Profiles) MeasureText(
        BenchModel model, AdapterSet adapters, ParseResult parse, int repetitions, WorkerTeam team, CancellationToken cancellationToken)
    {
        int prompt = parse.GetValue(_prefill) ?? DefaultPrompt, answer = parse.GetValue(_decode) ?? DefaultAnswer;
        int context = parse.GetValue(_context) ?? 0, room = model.Checkpoint.Config.TextConfig.MaxPositionEmbeddings;
        int longest = Math.Max(prompt, context + answer);
        if (context > 0 && answer > InferenceEngine.MaxStepRows)
        {
            throw CliException.Usage($"--answer-tokens is {answer}; behind a --context it is at most {InferenceEngine.MaxStepRows}.");
        }

        if (longest > room)
        {
            throw CliException.Usage($"{longest} tokens are asked for and the context holds {room}; ask for fewer with --prompt-tokens, "
                + "--answer-tokens and --context.");
        }

        using var text = new TextBench(model.Parts.Text, adapters, team, longest, cancellationToken);
        long bytes = model.BytesPerToken + adapters.Adapters.Sum(weighted => weighted.Adapter.Bytes);
        PrefillResult? prefill = prompt > 0 ? text.Prefill(prompt, repetitions, bytes) : null;
        DecodeResult? decode = answer > 0 ? text.Decode(answer, context, repetitions, bytes) : null;
        if (!parse.GetValue(_profile))
        {
            return (prefill, decode, []);
        }

        double loop = MachineProbe.MeasureLoopStart(team);
        return (prefill, decode, [
            .. prompt > 0 ? [text.Profile(isPrompt: true, prompt, 0, loop)] : Array.Empty<ProfileResult>(),
            .. answer > 0 ? [text.Profile(isPrompt: false, answer, context, loop)] : Array.Empty<ProfileResult>(),
        ]);
    }

    (ConversationsResult[] Conversations, PrefixResult? Prefix, ConstrainedResult? Constrained, IReadOnlyList<SpeculationResult> Texts) MeasureEngine(
        BenchModel model, AdapterSet adapters, int[] conversations, ParseResult parse, int repetitions, WorkerTeam team, CancellationToken cancellationToken)
    {
        if (conversations.Length == 0 && !parse.GetValue(_prefix) && !parse.GetValue(_constrained) && !parse.GetValue(_speculation))
        {
            return ([], null, null, []);
        }

        int prompt = parse.GetValue(_prefill) ?? DefaultPrompt, answer = parse.GetValue(_decode) ?? DefaultAnswer;
        using var engine = new EngineBench(model.Parts.Text, adapters, team, model.BytesPerToken, cancellationToken);
        return ([.. answer > 0 ? conversations.Select(count => engine.Conversations(count, answer, repetitions)) : []],
            parse.GetValue(_prefix) && prompt > 0 ? engine.Prefix(prompt, repetitions) : null,
            parse.GetValue(_constrained) ? engine.Constrained(LoadTokenizer(parse), repetitions) : null,
            parse.GetValue(_speculation) ? engine.Speculation(repetitions) : []);
    }

    /// <summary>The model's tokenizer; of a made-up model the demo's, whose ids every vocabulary has.</summary>
    Tokenizer LoadTokenizer(ParseResult parse) => Tokenizer.Load(ModelLocator.Find(parse.GetValue(_synthetic) is null ? parse.GetValue(global.Model) : null));

    int[] ReadConversations(ParseResult parse)
    {
        if (parse.GetValue(_conversations) is not string text)
        {
            return [];
        }

        var counts = new List<int>();
        foreach (string part in text.Split(','))
        {
            counts.Add(int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= MostConversations
                ? count
                : throw CliException.Usage($"--conversations has {(part.Length == 0 ? "an empty number" : part)}; whole numbers from 1 to {MostConversations} "
                    + "with commas between them are needed."));
        }

        return [.. counts];
    }

    AdapterSet LoadAdapters(ParseResult parse, BenchModel model) => new((parse.GetValue(_adapters) ?? [])
        .Select(text => AdapterArgument.Parse(text, _adapters.Name))
        .Select(argument => new WeightedAdapter(LoraAdapter.Load(argument.Folder, model.Checkpoint), argument.Weight)));

    static void RequireTower(object? tower, string option, string name)
    {
        if (tower is null)
        {
            throw new CliException(ExitCode.Failed,
                $"{option} is given and the checkpoint has no {name} tower; leave it out, or use a checkpoint that has one.");
        }
    }
}

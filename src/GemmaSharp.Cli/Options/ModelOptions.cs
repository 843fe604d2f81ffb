using System.CommandLine;
using System.Globalization;
using GemmaSharp.Cli.Output;

namespace GemmaSharp.Cli.Options;

/// <summary>How the model is loaded.</summary>
/// <param name="global">Which model.</param>
/// <param name="exactByDefault">Whether the reference's arithmetic is the default, for commands whose output is compared with the reference.</param>
sealed class ModelOptions(GlobalOptions global, bool exactByDefault = false)
{
    readonly Option<bool> _fast = new(
        "--fast")
    { Description = "Multiply quantised weights with integers, as \"gemma run\" does. Default: the reference's arithmetic." };
    readonly Option<bool> _exact = new(
        "--exact")
    { Description = "The reference's arithmetic: float32 activations, for quantised weights too, which is slower." };
    readonly Option<int?> _context = Numbers.Whole("--context", "N", "Tokens that prompt and answer may have together. Default: the checkpoint's.", 1);
    readonly Option<long?> _memory = ByteSizes.Option("--memory", MemoryDescription);
    readonly Option<bool> _noVision = new("--no-vision") { Description = "Do not load the part that sees." };
    readonly Option<bool> _noAudio = new("--no-audio") { Description = "Do not load the part that hears." };
    readonly Option<int?> _imageSize = NewImageSize();
    readonly Option<string[]> _adapters = AdapterArgument.NewOption(
        "--adapter", "A LoRA adapter of peft or mlx-lm, with a weight other than 1 if one is given; may be given several times, they add up.");
    readonly SliceOption _slice = new();
    readonly VisionWeightsOption _visionWeights = new();
    readonly CacheTypeOption _cacheType = new();

    /// <summary>What <c>--memory</c> says of itself, wherever it is.</summary>
    public const string MemoryDescription =
        "What the program may have in memory, such as 2GiB: context, steps and pictures are chosen so that it suffices. Default: as much as it takes.";

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_exact, _adapters, _imageSize, _slice.Option, _context, _cacheType.Option, _memory, _noVision, _noAudio,
            _visionWeights.Option])
        {
            command.Add(option);
        }

        if (exactByDefault)
        {
            command.Add(_fast);
        }
    }

    /// <summary>Loads the model, with a spinner if that takes long, and tells its warnings.</summary>
    public async Task<GemmaModel> LoadAsync(ParseResult parse, CliConsole console)
    {
        bool quiet = parse.GetValue(global.Quiet), exact = parse.GetValue(_exact), fast = exactByDefault && parse.GetValue(_fast);
        if (exact && fast)
        {
            throw CliException.Usage("--exact and --fast are given; leave out one of them.");
        }

        string folder = ModelLocator.Find(
            parse.GetValue(global.Model), quiet ? null : notice => console.Notice("gemma: notice: " + notice));
        var options = new GemmaModelOptions
        {
            Threads = parse.GetValue(global.Threads),
            ContextLength = parse.GetValue(_context),
            Memory = parse.GetValue(_memory),
            MaxActive = parse.GetValue(_memory) is null ? new GemmaModelOptions().MaxActive : 1,
            Vision = !parse.GetValue(_noVision),
            Audio = !parse.GetValue(_noAudio),
            ImageSize = parse.GetValue(_imageSize),
            Exact = exact || (exactByDefault && !fast),
            Slice = _slice.Read(parse),
            Projector = global.ProjectorOf(parse),
            CacheType = _cacheType.Read(parse),
            Defaults = exactByDefault ? null : ModelLocator.Defaults(parse.GetValue(global.Model)),
            VisionWeights = _visionWeights.Read(parse),
            LoggerFactory = parse.GetValue(global.Verbose) ? new StandardErrorLogger(console) : null,
        };
        GemmaModel model = await new BusySign(console, quiet)
            .WhileAsync("Loading", Task.Run(() => GemmaModel.Load(folder, options)))
            .ConfigureAwait(false);
        if (!quiet)
        {
            foreach (string warning in model.Warnings)
            {
                console.Notice("gemma: warning: " + warning);
            }
        }

        return model;
    }

    /// <summary>Loads the adapters that were asked for.</summary>
    /// <exception cref="CliException">A weight is no number.</exception>
    /// <exception cref="AdapterException">One is no adapter, or does not fit the model.</exception>
    public AdapterSet LoadAdapters(ParseResult parse, CliConsole console, GemmaModel model)
    {
        var adapters = new List<WeightedAdapter>();
        foreach (AdapterArgument argument in (parse.GetValue(_adapters) ?? []).Select(text => AdapterArgument.Parse(text, _adapters.Name)))
        {
            LoraAdapter adapter = model.LoadAdapter(argument.Folder);
            adapters.Add(new WeightedAdapter(adapter, argument.Weight));
            foreach (Finding finding in adapter.Report.Findings.Where(finding => finding.Severity == Severity.Warning && !parse.GetValue(global.Quiet)))
            {
                console.Notice("gemma: warning: " + finding.Problem);
            }
        }

        return new AdapterSet(adapters);
    }

    /// <summary>The option for the side to which pictures are scaled.</summary>
    public static Option<int?> NewImageSize() => new("--image-size")
    {
        HelpName = "256|512|768",
        Description = "Side to which pictures are scaled; smaller is faster and sees less. Default: the checkpoint's.",
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            if (text is "256" or "512" or "768")
            {
                return int.Parse(text, CultureInfo.InvariantCulture);
            }

            result.AddError($"--image-size is {text}; 256, 512 or 768 is needed.");
            return null;
        },
    };
}

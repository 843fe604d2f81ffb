using System.CommandLine;

namespace GemmaSharp.Cli.Options;

/// <summary>What <c>gemma inspect</c> is asked about memory: whether, and how the model would be loaded.</summary>
sealed class MemoryOptions
{
    readonly Option<long?> _memory = ByteSizes.OptionWithout(
        "--memory", "Show what the model takes of the machine's memory once it is loaded; with a size such as 2GiB, what would be chosen so that it fits.");
    readonly Option<int?> _context = Numbers.Whole(
        "--context", "N", "With --memory: tokens that prompt and answer may have together. Default: the checkpoint's.", 1);
    readonly Option<bool> _noVision = new("--no-vision") { Description = "With --memory: without the part that sees." };
    readonly Option<bool> _noAudio = new("--no-audio") { Description = "With --memory: without the part that hears." };
    readonly Option<bool> _exact = new("--exact") { Description = "With --memory: with the reference's arithmetic, which packs nothing." };
    readonly Option<int?> _imageSize = ModelOptions.NewImageSize();
    readonly CacheTypeOption _cacheType = new();

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        _imageSize.Description = "With --memory: side to which pictures are scaled. Default: the checkpoint's.";
        foreach (Option option in (Option[])[_memory, _context, _cacheType.Option, _noVision, _noAudio, _exact, _imageSize])
        {
            command.Add(option);
        }
    }

    /// <summary>The estimate, if it is asked for.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="global">Threads.</param>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="options">How it is opened otherwise.</param>
    /// <exception cref="CliException">An option is given that is for this one alone.</exception>
    /// <exception cref="MemoryLimitException">It does not fit.</exception>
    public MemoryEstimate? Estimate(ParseResult parse, GlobalOptions global, string folder, GemmaModelOptions options)
    {
        if (parse.GetResult(_memory) is not { Implicit: false })
        {
            Option? stray = Array.Find<Option>(
                [_context, _cacheType.Option, _noVision, _noAudio, _exact, _imageSize], option => parse.GetResult(option) is { Implicit: false });
            return stray is null ? null : throw CliException.Usage($"{stray.Name} is given without --memory, for which it is; add that, or leave it out.");
        }

        return GemmaModel.EstimateMemory(folder, options with
        {
            Threads = parse.GetValue(global.Threads),
            Memory = parse.GetValue(_memory),
            ContextLength = parse.GetValue(_context),
            CacheType = _cacheType.Read(parse),

            // As run and chat load it; a server shares the limit between its answers.
            MaxActive = 1,
            Vision = !parse.GetValue(_noVision),
            Audio = !parse.GetValue(_noAudio),
            Exact = parse.GetValue(_exact),
            ImageSize = parse.GetValue(_imageSize),
        });
    }
}

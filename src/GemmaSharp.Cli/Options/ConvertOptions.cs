using System.CommandLine;
using System.Globalization;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Cli.Options;

/// <summary>What <c>gemma convert</c> changes.</summary>
sealed class ConvertOptions(GlobalOptions global)
{
    static readonly (string Name, CheckpointLayout Layout)[] s_layouts = [("hf", CheckpointLayout.HuggingFace), ("mlx-vlm", CheckpointLayout.MlxVlm),
        ("mlx-lm", CheckpointLayout.MlxLm)];
    static readonly (string Name, ElementType Type)[] s_types = [("bfloat16", ElementType.BF16), ("float16", ElementType.F16), ("float32", ElementType.F32)];
    static readonly (string Name, QuantizationRounding Rounding)[] s_roundings = [("metal", QuantizationRounding.Metal), ("cpu", QuantizationRounding.Cpu)];
    static readonly string[] s_towers = ["vision", "audio", "towers"];
    static readonly (string End, long Factor)[] s_units = [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("KB", 1_000), ("MB", 1_000_000),
        ("GB", 1_000_000_000), ("", 1)];

    readonly Option<string?> _layout = Choices.Option(
        "--layout", "hf|mlx-vlm|mlx-lm",
        "Names of tensors and order of kernel axes. mlx-lm has the text model only. Default: the source's; mlx-vlm when a Hugging Face checkpoint is "
            + "quantised.", s_layouts.Select(l => l.Name));
    readonly RecipeOptions _recipe = new();
    readonly Option<string[]> _keep = new("--keep")
    {
        HelpName = "PATTERN",
        Description = "Modules to leave unquantised (* for any characters), such as \"*.layers.0.*\" or \"embed_vision*\"; may be given several times."
    };
    readonly Option<string?> _rounding = Choices.Option("--rounding", "metal|cpu",
        "Whose quantiser to follow bit for bit: MLX on a Mac's GPU, as published files, or on a CPU. Default: metal.", s_roundings.Select(r => r.Name));
    readonly Option<bool> _dequantize = new("--dequantize") { Description = "Make quantised modules dense." };
    readonly Option<string?> _type = Choices.Option(
        "--dtype", "bfloat16|float16|float32", "Type of every floating-point tensor, before quantising too. Default: as it is.", s_types.Select(t => t.Name));
    readonly Option<string[]> _drop = new("--drop")
    {
        HelpName = "vision|audio|towers",
        Description = "Leave out a tower and its embedder; may be given several times.",
    };
    readonly SliceOption _slice = new();
    readonly Option<string[]> _adapters = AdapterArgument.NewOption(
        "--merge-adapter", "Add a LoRA adapter of peft or mlx-lm to the weights, with a weight other than 1 if one is given; may be given several times.");
    readonly Option<bool> _repairVision = new("--repair-vision")
    {
        Description = "Write the vision weights of the first upload as those of the second: kernels turned, stem bias 0.",
    };
    readonly Option<string?> _shardSize = new("--max-shard-size")
    {
        HelpName = "SIZE",
        Description = "Largest weight file, such as 5GB, 2GiB or 500MB. Default: 5GB; one file for GGUF.",
    };
    readonly Option<string?> _ggufType = Choices.Option(
        "--type", "bf16|f16|f32|q8_0|q4_k_m|…",
        "Form of a GGUF file: " + string.Join(", ", GgufConversionOptions.Types) + ". Default: bf16.", GgufConversionOptions.Types);
    readonly Option<string[]> _tensorTypes = new("--tensor-type")
    {
        HelpName = "PATTERN=TYPE",
        Description = "Type of some tensors of a GGUF file, such as attn_v=q8_0 or \"blk.0.*=f16\"; may be given several times.",
    };
    readonly Option<bool> _pure = new("--pure") { Description = "One type for every matrix of a GGUF file, also where the form has finer ones." };
    readonly Option<bool> _force = new("--force", "-f") { Description = "Replace the checkpoint at the destination." };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_layout, .. _recipe.All, _keep, _rounding, _dequantize, _type, _drop, _slice.Option, _adapters, _repairVision,
            _shardSize, _ggufType, _tensorTypes, _pure, _force])
        {
            command.Add(option);
        }
    }

    /// <summary>How a GGUF file is to be written.</summary>
    /// <exception cref="CliException">An option is given that is for checkpoint folders alone.</exception>
    public GgufConversionOptions ReadGguf(ParseResult parse)
    {
        Option[] others = [_layout, .. _recipe.All, _keep, _rounding, _dequantize, _type, _slice.Option, _adapters, _repairVision];
        foreach (Option option in others)
        {
            if (parse.GetResult(option) is { Implicit: false })
            {
                throw CliException.Usage(
                    $"{option.Name} is given, and a GGUF file is to be written; it takes {_ggufType.Name}, {_tensorTypes.Name}, {_pure.Name}, "
                        + $"{_shardSize.Name}, --drop towers and --force. For the rest convert into a folder first.");
            }
        }

        string[] dropped = parse.GetValue(_drop) ?? [];
        if (dropped is not ([] or ["towers"]))
        {
            throw CliException.Usage($"--drop is {string.Join(", ", dropped)}, and a GGUF file is to be written; towers is possible.");
        }

        return new GgufConversionOptions
        {
            Type = parse.GetValue(_ggufType) ?? "bf16",
            TensorTypes = [.. (parse.GetValue(_tensorTypes) ?? []).Select(TensorType)],
            Pure = parse.GetValue(_pure),
            Towers = dropped.Length == 0,
            PartBytes = parse.GetValue(_shardSize) is string size ? Size(size) : null,
            Force = parse.GetValue(_force),
            Threads = parse.GetValue(global.Threads),
        };

        GgufTensorType TensorType(string text) => text.LastIndexOf('=') is > 0 and int at && at < text.Length - 1
            ? new GgufTensorType(text[..at], text[(at + 1)..].ToLowerInvariant())
            : throw CliException.Usage($"{_tensorTypes.Name} is {text}; a part of a name and a type are needed, such as attn_v=q8_0.");
    }

    /// <summary>The options as given.</summary>
    /// <exception cref="CliException">Two contradict each other, or one has a value that does not exist.</exception>
    public ConversionOptions Read(ParseResult parse)
    {
        HashSet<string> dropped = [.. (parse.GetValue(_drop) ?? []).SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries))];
        if (dropped.FirstOrDefault(tower => !s_towers.Contains(tower)) is string unknown)
        {
            throw CliException.Usage($"--drop is {unknown}; {Choices.OneOf(s_towers)} is needed.");
        }

        foreach (Option option in (Option[])[_ggufType, _tensorTypes, _pure])
        {
            if (parse.GetResult(option) is { Implicit: false })
            {
                throw CliException.Usage($"{option.Name} is given, which is for GGUF files; give a destination that ends in .gguf, or --bits for a folder.");
            }
        }

        QuantizationRecipe? recipe = Recipe(parse);
        if (recipe is not null && parse.GetValue(_dequantize))
        {
            throw CliException.Usage("--dequantize is given with options that quantise; leave out one of them (quantising again works from the dequantised "
                + "weights by itself).");
        }

        return new ConversionOptions
        {
            Layout = Choices.Value(parse, _layout, s_layouts),
            Quantize = recipe,
            Rounding = Choices.Value(parse, _rounding, s_roundings) ?? QuantizationRounding.Metal,
            Dequantize = parse.GetValue(_dequantize),
            Type = Choices.Value(parse, _type, s_types),
            Vision = !dropped.Contains("vision") && !dropped.Contains("towers"),
            Audio = !dropped.Contains("audio") && !dropped.Contains("towers"),
            Slice = _slice.Read(parse),
            MergeAdapters = [.. (parse.GetValue(_adapters) ?? []).Select(text => AdapterArgument.Parse(text, _adapters.Name))
                .Select(adapter => new AdapterToMerge(adapter.Folder, adapter.Weight))],
            RepairVision = parse.GetValue(_repairVision),
            ShardBytes = parse.GetValue(_shardSize) is string size ? Size(size) : ConversionOptions.DefaultShardBytes,
            Force = parse.GetValue(_force),
            Threads = parse.GetValue(global.Threads),
        };
    }

    QuantizationRecipe? Recipe(ParseResult parse)
    {
        string[] keep = parse.GetValue(_keep) ?? [];
        return _recipe.Read(parse) is QuantizationRecipe recipe ? recipe with { Keep = keep }
            : keep.Length == 0 && parse.GetValue(_rounding) is null ? null
            : throw CliException.Usage(
                $"{(keep.Length > 0 ? "--keep" : "--rounding")} is for quantising and nothing asks for that; add --bits N, --mode or --recipe.");
    }

    static long Size(string text)
    {
        foreach ((string end, long factor) in s_units)
        {
            if (text.EndsWith(end, StringComparison.OrdinalIgnoreCase)
                && double.TryParse(text.AsSpan(0, text.Length - end.Length).Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
                    out double number)
                && number * factor is >= 1 and <= long.MaxValue / 2)
            {
                return (long)(number * factor);
            }
        }

        throw CliException.Usage($"--max-shard-size is {text}; a size such as 5GB, 2GiB or 500MB is needed.");
    }
}

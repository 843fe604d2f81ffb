using System.Globalization;

namespace GemmaSharp.Fuzz;

/// <summary>What a run is to be.</summary>
sealed record FuzzOptions
{
    /// <summary>Readers; empty for all.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [];

    /// <summary>Inputs for each reader, those of earlier runs counted where it goes on.</summary>
    public long Inputs { get; init; } = long.MaxValue;

    /// <summary>Time for each reader.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.MaxValue;

    public ulong Seed { get; init; } = 1;

    /// <summary>Whether a run goes on that was begun in the folder; else one there is thrown away.</summary>
    public bool Resume { get; init; }

    /// <summary>Where progress, corpus and findings are kept.</summary>
    public string Folder { get; init; } = Path.Combine("artifacts", "fuzz");

    /// <summary>An input to be read once, instead.</summary>
    public string? Replay { get; init; }

    /// <summary>Where the most telling inputs of a run's corpus are put, instead; null for no such thing.</summary>
    public string? Distill { get; init; }

    /// <summary>Where the table goes as JSON, besides the standard output.</summary>
    public string? Json { get; init; }

    /// <summary>Whether the assemblies are taken as they are.</summary>
    public bool Plain { get; init; }

    /// <summary>Whether only the readers' names are wanted.</summary>
    public bool List { get; init; }

    /// <summary>Whether only the seeds are read, and what comes of each is printed.</summary>
    public bool Seeds { get; init; }

    /// <summary>Whether the process is one that reads, and is watched.</summary>
    public bool IsWorker { get; init; }

    /// <exception cref="ArgumentException">An argument is not known, or its value is none.</exception>
    public static FuzzOptions Parse(string[] arguments)
    {
        var options = new FuzzOptions();
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            options = name switch
            {
                "--target" => options with { Targets = [.. options.Targets, .. Value().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)] },
                "--inputs" => options with { Inputs = Whole(1, long.MaxValue) },
                "--seconds" => options with { Time = TimeSpan.FromSeconds(Whole(1, 1_000_000)) },
                "--seed" => options with { Seed = (ulong)Whole(0, long.MaxValue) },
                "--resume" => options with { Resume = true },
                "--folder" => options with { Folder = Value() },
                "--replay" => options with { Replay = Value() },
                "--distill" => options with { Distill = Value() },
                "--json" => options with { Json = Value() },
                "--plain" => options with { Plain = true },
                "--list" => options with { List = true },
                "--seeds" => options with { Seeds = true },
                "worker" => options with { IsWorker = true },
                _ => throw new ArgumentException(
                    $"{name} is not known; use --target, --inputs, --seconds, --seed, --resume, --folder, --replay, --distill, --json, --plain, --list or --seeds."),
            };

            string Value() => ++i < arguments.Length ? arguments[i] : throw new ArgumentException($"{name} has no value; give one after it.");

            long Whole(long min, long max) => long.TryParse(Value(), NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out long value) && value >= min && value <= max
                ? value : throw new ArgumentException($"{name} is {arguments[i]}; it must be a whole number from {min} to {max}.");
        }

        if (options.Replay is not null && options.Targets.Count != 1)
        {
            throw new ArgumentException("--replay needs the reader too; name one with --target.");
        }

        return options.Inputs == long.MaxValue && options.Time == TimeSpan.MaxValue ? options with { Inputs = 10_000 } : options;
    }
}

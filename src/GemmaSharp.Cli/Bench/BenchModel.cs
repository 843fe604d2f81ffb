using System.Diagnostics;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Commands;
using GemmaSharp.Configuration;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Cli.Bench;

/// <summary>The model that is timed, from a folder or made up in memory.</summary>
sealed class BenchModel : IDisposable
{
    const int SyntheticSeed = 11;

    readonly ProductMode _products;

    BenchModel(string name, Checkpoint checkpoint, ModelParts parts, ProductMode products, double loadSeconds)
    {
        _products = products;
        Name = name;
        Checkpoint = checkpoint;
        Parts = parts;
        LoadSeconds = loadSeconds;
    }

    /// <summary>What the report calls it.</summary>
    public string Name { get; }

    /// <summary>Where the weights are.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>The modules.</summary>
    public ModelParts Parts { get; }

    /// <summary>Opening and building; making up weights is not counted.</summary>
    public double LoadSeconds { get; }

    /// <summary>How most of the text model's bytes are stored, and how they are multiplied where there is a choice.</summary>
    public string Format
    {
        get
        {
            string format = CheckpointInspection.Sizes(TextModule()).First().Format;
            return format.Contains('/', StringComparison.Ordinal)
                ? $"{format}, {(_products == ProductMode.Fast ? BenchResult.IntegerProducts : "exact products")}"
                : format;
        }
    }

    /// <summary>Bytes of the matrices that a token's step reads whole, the output head included.</summary>
    public long BytesPerToken
    {
        get
        {
            long bytes = 0;
            foreach (ModuleNode module in Checkpoint.Modules().Children)
            {
                if (module.Name is "language_model" or "lm_head")
                {
                    // Of the tables only a row is read, unless one is also the head.
                    bytes += module.Bytes - module.Children
                        .Where(child => child.Name == "embed_tokens_per_layer"
                            || (child.Name == "embed_tokens" && !Checkpoint.Config.TextConfig.TieWordEmbeddings))
                        .Sum(child => child.Bytes);
                }
            }

            return bytes;
        }
    }

    /// <summary>Opens a folder.</summary>
    public static BenchModel Open(string folder, CheckpointOptions options, bool vision, bool audio, WorkerTeam team)
    {
        long start = Stopwatch.GetTimestamp();
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) + Named(options.Slice);
        return Build(name, Checkpoint.Open(folder, options), options, vision, audio, team, start);
    }

    /// <summary>Makes up a model of published shapes.</summary>
    /// <param name="name"><c>e2b</c> or <c>e4b</c>.</param>
    /// <param name="layers">Fewer layers than published; null for all.</param>
    /// <param name="recipe">How it is quantised; null for bfloat16.</param>
    /// <param name="options">How it is opened.</param>
    /// <param name="vision">Whether it sees.</param>
    /// <param name="audio">Whether it hears.</param>
    /// <param name="team">Threads that make up weights.</param>
    /// <param name="cancellationToken">Stops making them up.</param>
    public static BenchModel Synthesize(
        string name, int? layers, QuantizationRecipe? recipe, CheckpointOptions options, bool vision, bool audio, WorkerTeam team,
            CancellationToken cancellationToken)
    {
        Gemma3nConfig published = name == "e2b" ? Gemma3nConfig.E2B : Gemma3nConfig.E4B;
        Gemma3nConfig config = published with
        {
            TextConfig = layers is int n ? Shorten(published.TextConfig, n) : published.TextConfig,
            VisionConfig = vision ? published.VisionConfig : null,
            AudioConfig = audio ? published.AudioConfig : null,
        };
        string full = $"synthetic {name}{(layers is int count ? Output.Show.Text($", {count} layers") : "")}{Named(options.Slice)}";
        Checkpoint checkpoint = SyntheticCheckpoint.Create(full, config, SyntheticSeed, team, recipe, options, cancellationToken);
        return Build(full, checkpoint, options, vision, audio, team, Stopwatch.GetTimestamp());
    }

    /// <summary>Frees or unmaps the weights.</summary>
    public void Dispose() => Checkpoint.Dispose();

    static string Named(MatFormerSlice? slice) => slice is null ? "" : $", slice {slice.Name}";

    static BenchModel Build(string name, Checkpoint checkpoint, CheckpointOptions options, bool vision, bool audio, WorkerTeam team, long start)
    {
        try
        {
            ModelParts parts = ModelParts.Build(checkpoint.Root, checkpoint.Config, vision, audio, options.CacheType);
            checkpoint.Report().ThrowIfErrors();
            checkpoint.Linears.PrepareProducts(team);
            return new BenchModel(name, checkpoint, parts, options.Products, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    // The same share of KV-shared layers, after at least one layer of each kind of attention.
    static TextConfig Shorten(TextConfig config, int layers)
    {
        if (layers > config.NumHiddenLayers)
        {
            throw CliException.Usage($"--layers is {layers}; the model has {config.NumHiddenLayers}.");
        }

        return config with
        {
            NumHiddenLayers = layers,
            NumKvSharedLayers = Math.Min(config.NumKvSharedLayers * layers / config.NumHiddenLayers, layers - LeastLayers),
            IntermediateSize = [.. config.IntermediateSize.Take(layers)],
            LayerTypes = [.. config.LayerTypes.Take(layers)],
            ActivationSparsityPattern = [.. config.ActivationSparsityPattern.Take(layers)],
        };
    }

    /// <summary>The published pattern has its first full-attention layer fifth.</summary>
    public const int LeastLayers = 5;

    ModuleNode TextModule() => Checkpoint.Modules().Children.First(module => module.Name == "language_model");
}

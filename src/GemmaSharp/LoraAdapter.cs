using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Layers;

namespace GemmaSharp;

/// <summary>A LoRA adapter: for some linear layers of one base model, two small matrices whose product is added to the weight, <c>W + s · B · A</c>.</summary>
/// <remarks>
/// Belongs to the model it was loaded for, whose weights it leaves alone: any number of adapters can be in use at once, a different choice in every
/// conversation. Its matrices are kept in memory as float32. Immutable, thread-safe; freed with its last reference. Formats: Hugging Face peft and mlx-lm; see
/// docs/adapters.md.
/// </remarks>
public sealed class LoraAdapter
{
    static long s_last;

    readonly LoraPair?[] _pairs;

    internal LoraAdapter(string folder, AdapterFormat format, LinearModules baseModules, IEnumerable<LoraPair> pairs, LoadReport report)
    {
        Folder = folder;
        Format = format;
        Base = baseModules;
        Report = report;
        _pairs = new LoraPair?[baseModules.All.Count];
        foreach (LoraPair pair in pairs)
        {
            _pairs[pair.Module.Index] = pair;
            LargestScale = Math.Max(LargestScale, Math.Abs(pair.Scale));
        }
    }

    /// <summary>The folder it was read from.</summary>
    public string Folder { get; }

    /// <summary>The folder's own name.</summary>
    public string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));

    /// <summary>Which program's files they are.</summary>
    public AdapterFormat Format { get; }

    /// <summary>What loading found; no errors, but perhaps warnings and notes.</summary>
    public LoadReport Report { get; }

    /// <summary>Canonical paths of the layers it changes, in the order of the model.</summary>
    public IReadOnlyList<string> Modules => [.. Pairs.Select(pair => pair.Module.Path)];

    /// <summary>Bytes of its matrices.</summary>
    public long Bytes => Pairs.Sum(pair => pair.Bytes);

    /// <summary>Different for every adapter loaded by this process.</summary>
    internal long Id { get; } = Interlocked.Increment(ref s_last);

    /// <summary>The layers of the model it was loaded for.</summary>
    internal LinearModules Base { get; }

    /// <summary>The largest |s|.</summary>
    internal float LargestScale { get; }

    /// <summary>What it adds, layer by layer.</summary>
    internal IEnumerable<LoraPair> Pairs => _pairs.OfType<LoraPair>();

    /// <summary>Reads an adapter for a checkpoint whose modules have been built (<see cref="Model.ModelParts.Build"/>); its weights are not needed.</summary>
    /// <param name="folder">A folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c> (peft) or <c>adapters.safetensors</c>
    /// (mlx-lm).</param>
    /// <param name="checkpoint">The base.</param>
    /// <exception cref="AdapterException">The folder holds no adapter, or one that does not fit this base; then its report has every finding.</exception>
    /// <exception cref="SafetensorsException">The weight file is damaged.</exception>
    internal static LoraAdapter Load(string folder, Checkpoint checkpoint)
    {
        var reader = new AdapterReader(folder, checkpoint);
        LoadReport report = reader.Read();
        report.ThrowIfErrors();
        return reader.Adapter(report);
    }

    /// <summary>What <see cref="Load"/> finds, errors included. The values are read too, for numbers that are not finite.</summary>
    /// <inheritdoc cref="Load"/>
    /// <exception cref="AdapterException">The folder holds no adapter.</exception>
    internal static LoadReport Check(string folder, Checkpoint checkpoint) => new AdapterReader(folder, checkpoint).Read();

    /// <summary>Whether it changes a layer at or below one of these paths.</summary>
    internal bool ChangesAnyBelow(IEnumerable<string> paths) =>
        Pairs.Any(pair => paths.Any(path => pair.Module.Path.StartsWith(path, StringComparison.Ordinal)));

    /// <summary>What it adds to the layer of this number; null for nothing.</summary>
    internal LoraPair? Find(int module) => _pairs[module];
}

/// <summary>Which program's adapter files these are.</summary>
public enum AdapterFormat
{
    /// <summary>Hugging Face peft: <c>adapter_config.json</c> with <c>peft_type</c>, <c>adapter_model.safetensors</c>.</summary>
    Peft,

    /// <summary>mlx-lm: <c>adapter_config.json</c> with <c>lora_parameters</c>, <c>adapters.safetensors</c>.</summary>
    MlxLm,
}

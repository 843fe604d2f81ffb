using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Cli.Output;
using GemmaSharp.Configuration;
using GemmaSharp.Model;

namespace GemmaSharp.Cli.Commands;

/// <summary>A checkpoint as its headers show it: configuration, modules, report. No weight is read.</summary>
sealed class CheckpointInspection : IDisposable
{
    CheckpointInspection(Checkpoint checkpoint)
    {
        Checkpoint = checkpoint;
        ModelParts.Build(checkpoint.Root, checkpoint.Config);
        Modules = checkpoint.Modules();
        Report = checkpoint.Report();
        Generation = checkpoint.LoadGenerationDefaults();
        Processor = checkpoint.LoadProcessor();
    }

    /// <summary>The opened checkpoint.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>The tree of modules the model has.</summary>
    public ModuleNode Modules { get; }

    /// <summary>What does not fit.</summary>
    public LoadReport Report { get; }

    /// <summary>How answers are drawn by default.</summary>
    public GenerationDefaults Generation { get; }

    /// <summary>How pictures and sound are prepared.</summary>
    public ProcessorConfig Processor { get; }

    /// <summary>The parameters of the text model.</summary>
    public TextParameters TextParameters => TextParameters.Of(Checkpoint.Config.TextConfig);

    /// <summary>How the matrices are stored, by their tensors, the most frequent form first: <c>affine4/64 ×180, bf16 ×20</c>; <c>none</c> when none is
    /// quantised.</summary>
    public string Quantization
    {
        get
        {
            ModuleParameter[] matrices = [.. Matrices(Modules)];
            return Array.Exists(matrices, matrix => matrix.IsQuantized)
                ? string.Join(", ", matrices.GroupBy(matrix => matrix.Format).OrderByDescending(group => group.Count())
                    .ThenBy(group => group.Key, StringComparer.Ordinal).Select(group => Show.Text($"{group.Key} ×{group.Count()}")))
                : "none";
        }
    }

    /// <summary>Stored bits for each parameter, scales and biases included.</summary>
    public double BitsPerWeight => Modules.ParameterCount == 0 ? 0 : 8.0 * Modules.Bytes / Modules.ParameterCount;

    /// <summary>Reads the headers of a checkpoint.</summary>
    /// <param name="folder">Its folder or GGUF file.</param>
    /// <param name="slice">The smaller model that is looked at; null for all of it.</param>
    /// <param name="visionWeights">Which generation the vision weights are of.</param>
    /// <param name="projector">The towers of a GGUF model; null for those beside it.</param>
    public static CheckpointInspection Open(
        string folder, MatFormerSlice? slice, VisionWeights visionWeights = VisionWeights.Auto, string? projector = null)
    {
        Checkpoint checkpoint = Checkpoint.Open(
            folder, new CheckpointOptions { HeadersOnly = true, Slice = slice, VisionWeights = visionWeights, Projector = projector });
        try
        {
            return new CheckpointInspection(checkpoint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The load report of an adapter.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="baseFolder">The checkpoint it is to be used with, of which only headers are read.</param>
    /// <param name="slice">The smaller model in it that is used; null for all of it.</param>
    public static LoadReport VerifyAdapter(string folder, string baseFolder, MatFormerSlice? slice)
    {
        using CheckpointInspection inspection = Open(baseFolder, slice);
        return LoraAdapter.Check(folder, inspection.Checkpoint);
    }

    /// <summary>The load report of a checkpoint.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="slice">The smaller model that is looked at; null for all of it.</param>
    /// <param name="visionWeights">Which generation the vision weights are of.</param>
    /// <param name="projector">The towers of a GGUF model; null for those beside it.</param>
    /// <param name="scanValues">Whether every stored value is looked at, too.</param>
    /// <param name="cancellationToken">Ends the search through the values.</param>
    public static LoadReport Verify(
        string folder, MatFormerSlice? slice, VisionWeights visionWeights, string? projector, bool scanValues, CancellationToken cancellationToken)
    {
        using Checkpoint checkpoint = Checkpoint.Open(
            folder, new CheckpointOptions { HeadersOnly = !scanValues, Slice = slice, VisionWeights = visionWeights, Projector = projector });
        ModelParts.Build(checkpoint.Root, checkpoint.Config);
        LoadReport report = checkpoint.Report().With(OtherFiles(checkpoint));
        if (!scanValues)
        {
            return report;
        }

        Finding? zero = CheckpointValues.FindZero(checkpoint, cancellationToken);
        return report.With(CheckpointValues.FindNonFinite(checkpoint, cancellationToken: cancellationToken)).With(zero is null ? [] : [zero]);
    }

    /// <summary>What is wrong with the other files that loading a model reads.</summary>
    static List<Finding> OtherFiles(Checkpoint checkpoint)
    {
        var findings = new List<Finding>();
        Tokenizer? tokenizer = null;
        string? keys = checkpoint.Gguf?.First.Name;
        Try(keys ?? "tokenizer.json", () =>
        {
            tokenizer = checkpoint.LoadTokenizer();
            GemmaModel.RequireVocabulary(tokenizer, checkpoint.Config);
            return null;
        });
        Try(keys ?? "chat_template", () => tokenizer is null ? null : checkpoint.LoadChatTemplate(tokenizer).Warning);
        Try(keys ?? "generation_config.json", () => checkpoint.LoadGenerationDefaults().Warning);
        Try(keys ?? "preprocessor_config.json", () =>
        {
            checkpoint.LoadProcessor().RequireBands(checkpoint.Config);
            return null;
        });
        return findings;

        void Try(string file, Func<string?> load)
        {
            try
            {
                if (load() is string warning)
                {
                    Add(Severity.Warning, file, warning.TrimEnd('.') + ".");
                }
            }
            catch (GemmaException error)
            {
                Add(Severity.Error, file, error.Message);
            }
        }

        void Add(Severity severity, string file, string problem) =>
            findings.Add(new Finding { Kind = FindingKind.WrongSetting, Severity = severity, Tensor = "", StoredName = file, Problem = problem });
    }

    /// <summary>Tensors and bytes by stored form, the largest first.</summary>
    public IEnumerable<(string Format, int Count, long Bytes)> Formats() => Sizes(Modules);

    /// <summary>Tensors and bytes by stored form in a module and all inside, the largest first.</summary>
    public static IEnumerable<(string Format, int Count, long Bytes)> Sizes(ModuleNode module) =>
        Parameters(module)
            .GroupBy(parameter => parameter.Format.Length > 0 ? parameter.Format : "missing")
            .Select(group => (group.Key, group.Count(), group.Sum(parameter => parameter.Bytes)))
            .OrderByDescending(group => group.Item3);

    /// <summary>The stored forms in a module and all inside.</summary>
    public static IEnumerable<string> Formats(ModuleNode module) =>
        Parameters(module).Select(parameter => parameter.Format.Length > 0 ? parameter.Format : "missing");

    /// <summary>Closes the files.</summary>
    public void Dispose() => Checkpoint.Dispose();

    static IEnumerable<ModuleParameter> Matrices(ModuleNode module) =>
        (module.Type is "Linear" or "Embedding" ? module.Parameters.Where(parameter => parameter.Format.Length > 0) : [])
            .Concat(module.Children.SelectMany(Matrices));

    static IEnumerable<ModuleParameter> Parameters(ModuleNode module) => module.Parameters.Concat(module.Children.SelectMany(Parameters));
}

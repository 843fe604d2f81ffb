using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Hub;

namespace GemmaSharp.Cli;

/// <summary>Finds the folder that <c>--model</c> means.</summary>
static class ModelLocator
{
    const string Demo = "gemma-3n-demo";

    /// <summary>The folder of a checkpoint.</summary>
    /// <param name="model">A path, <c>ORG/NAME</c> with or without a revision or form, a short name, <c>ollama:NAME</c>, or null for the demo
    /// checkpoint.</param>
    /// <param name="notice">Told where another snapshot is taken than the one that was downloaded last, which is not whole.</param>
    /// <exception cref="CliException">Nothing is found under that name.</exception>
    public static string Find(string? model, Action<string>? notice = null) => Find(model, new HubCache(), notice);

    /// <inheritdoc cref="Find(string?, Action{string}?)"/>
    internal static string Find(string? model, HubCache cache, Action<string>? notice = null)
    {
        if (model is null)
        {
            return FindDemo();
        }

        if (model.Length == 0)
        {
            throw CliException.Usage("--model is empty; give the folder of a checkpoint, or ORG/NAME of one in the Hugging Face cache.");
        }

        if (Stored(model) is OllamaModel stored)
        {
            return stored.Path;
        }

        if (Path.Exists(model))
        {
            return model;
        }

        if (GgufFileNames.HasEnding(model))
        {
            throw new CliException(ExitCode.CheckpointRefused, $"There is no file {model}; {Parts(model)}");
        }

        if (Repository(model, cache) is not HubReference reference)
        {
            // A path that leads nowhere is refused by the checkpoint reader, in its own words.
            return model;
        }

        if (cache.FormsOf(reference) is { Count: > 1 } forms)
        {
            throw new CliException(
                ExitCode.CheckpointRefused, $"{model} has the forms {string.Join(", ", forms)} in the cache; say which one, as in {reference}:{forms[0]}.");
        }

        return cache.FindAny(reference, notice) ?? throw new CliException(
            ExitCode.CheckpointRefused,
            $"{model} is neither a folder nor in the Hugging Face cache {cache.Folder}; download it with \"gemma pull {model}\" or by --pull, or give "
                + $"the folder of a checkpoint.");
    }

    /// <summary>What to do about a GGUF file that is not there, but perhaps its parts are.</summary>
    static string Parts(string model)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(model))!;
        string? first = Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder).Where(file => GgufSplits.IsPartOf(file, model)).Order(StringComparer.Ordinal).FirstOrDefault() : null;
        return first is null ? "give the path of a GGUF file, or ORG/NAME:FORM of one on the hub."
            : $"it is there in parts, so give the first one, {Path.GetFileName(first)}.";
    }

    /// <summary>The file with the parts of a model in Ollama's store that see and hear; null for others, and where it has none.</summary>
    /// <exception cref="HubException">The store has no such model.</exception>
    public static string? Projector(string? model) => Stored(model)?.Projector;

    /// <summary>What a model in Ollama's store is asked with unless a request says otherwise; null for others.</summary>
    /// <exception cref="HubException">The store has no such model.</exception>
    public static ModelDefaults? Defaults(string? model) => Stored(model)?.Defaults;

    /// <summary>What a model in Ollama's store is called there, without a tag that says nothing; null for others, which are called by their files.</summary>
    /// <exception cref="HubException">The store has no such model.</exception>
    public static string? Name(string? model)
    {
        const string Latest = ":latest";
        string? name = Stored(model)?.Name;
        return name?.EndsWith(Latest, StringComparison.OrdinalIgnoreCase) == true ? name[..^Latest.Length] : name;
    }

    static OllamaModel? Stored(string? model) =>
        model is not null && model.StartsWith(OllamaStore.Scheme, StringComparison.Ordinal) && !Path.Exists(model)
            ? new OllamaStore().Find(model[OllamaStore.Scheme.Length..]) : null;

    /// <summary>The folder of an adapter.</summary>
    /// <param name="adapter">A path, or <c>ORG/NAME</c> in the Hugging Face cache. One that is found nowhere is refused by the adapter's reader.</param>
    public static string FindAdapter(string adapter) => FindAdapter(adapter, new HubCache());

    /// <inheritdoc cref="FindAdapter(string)"/>
    internal static string FindAdapter(string adapter, HubCache cache) => Path.Exists(adapter) || !HubReference.TryParse(adapter, out HubReference? reference)
        || !reference.Id.Contains('/', StringComparison.Ordinal)
        ? adapter
        : cache.FindAnyAdapter(reference) ?? throw new CliException(
            ExitCode.CheckpointRefused,
            $"{adapter} is neither a folder nor in the Hugging Face cache {cache.Folder}; download it with \"gemma pull {adapter}\", or give the "
                + $"folder of an adapter.");

    /// <summary>The repository that would have to be downloaded first; null where there is nothing to download.</summary>
    internal static HubReference? Missing(string? model, HubCache cache) =>
        model is { Length: > 0 } && !Path.Exists(model) && !model.StartsWith(OllamaStore.Scheme, StringComparison.Ordinal)
            && Repository(model, cache) is HubReference reference && cache.Find(reference) is null ? reference : null;

    // "name" alone may well be a folder that is not there, unless it is a short name or one that the cache knows.
    static HubReference? Repository(string model, HubCache cache) =>
        HubReference.TryParse(model, out HubReference? reference) && reference.Id.Contains('/', StringComparison.Ordinal) ? reference
        : reference is not null && cache.FindByName(reference.Id) is HubReference known ? known.With(reference)
        : null;

    /// <summary>The demo checkpoint beside the program, or in the checkout the program was built in.</summary>
    static string FindDemo()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string demo = Path.Combine(folder.FullName, "models", Demo);
            if (File.Exists(Path.Combine(demo, "config.json")))
            {
                return demo;
            }
        }

        throw new CliException(
            ExitCode.CheckpointRefused,
            $"The demo checkpoint models/{Demo} is not beside the program in {AppContext.BaseDirectory}; install it again, or give a checkpoint with --model.");
    }
}

using GemmaSharp.Files;
using GemmaSharp.Hub.Ollama;

namespace GemmaSharp.Hub;

/// <summary>The models that Ollama has downloaded on this machine. They are only read: nothing is written, repaired or removed.</summary>
/// <remarks>
/// Layout: <c>manifests/HOST/NAMESPACE/MODEL/TAG</c> and <c>blobs/sha256-…</c>. Thread-safe; what Ollama does meanwhile is seen at the next call.
/// </remarks>
public sealed class OllamaStore
{
    // A host, a namespace, a model, a tag.
    const int Depth = 4;

    /// <summary>What stands before the name of a model of the store where models of several kinds are named.</summary>
    internal const string Scheme = "ollama:";

    /// <summary>Opens a store.</summary>
    /// <param name="folder">Where it is; null for <c>OLLAMA_MODELS</c>, else <c>~/.ollama/models</c>, else that of Ollama's service on Linux.</param>
    public OllamaStore(string? folder = null)
        : this(folder, Environment.GetEnvironmentVariable)
    {
    }

    internal OllamaStore(string? folder, Func<string, string?> variable)
    {
        Folder = folder ?? Usual(variable);
    }

    /// <summary>Where it is; it need not exist.</summary>
    public string Folder { get; }

    /// <summary>All models that can be used, by name.</summary>
    /// <returns>None where there is no store, or none that this user may read.</returns>
    public IReadOnlyList<OllamaModel> List()
    {
        var models = new List<OllamaModel>();
        (OllamaName Name, string Path)[] manifests = [.. Manifests()];
        foreach ((OllamaName name, string path) in manifests)
        {
            try
            {
                models.Add(new OllamaManifest(Folder, path, Shown(name, manifests)).Model());
            }
            catch (HubException)
            {
                // Of another kind, or unfinished: asking for it says which.
            }
        }

        return [.. models.OrderBy(model => model.Name, StringComparer.Ordinal)];
    }

    /// <summary>A model by the name that Ollama gives it.</summary>
    /// <param name="name"><c>gemma3n:e2b</c>, <c>NAMESPACE/MODEL:TAG</c>, <c>HOST/NAMESPACE/MODEL:TAG</c>; without a tag <c>latest</c>.</param>
    /// <exception cref="HubException">There is none, or it is not whole, or of a kind that cannot be used, or the store may not be read.</exception>
    public OllamaModel Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        OllamaName wanted = OllamaName.Parse(name);
        (OllamaName Name, string Path)[] all = [.. Manifests()], found = [.. all.Where(each => wanted.Means(each.Name))];
        return found.Length switch
        {
            1 => new OllamaManifest(Folder, found[0].Path, Shown(found[0].Name, all)).Model(),
            0 => throw new HubException(HubFailure.NoSuchFile, Missing(wanted, name, all)),
            _ => throw new HubException(HubFailure.BadName,
                $"{name} is in Ollama's store {Folder} from {string.Join(" and ", found.Select(each => each.Name.Host))}; say which, as in "
                    + $"ollama:{found[0].Name.Shown(true)}."),
        };
    }

    string Missing(OllamaName wanted, string name, (OllamaName Name, string Path)[] all)
    {
        OllamaName[] others = [.. all.Select(each => each.Name).Where(stored => (wanted with { Tag = stored.Tag }).Means(stored))
            .OrderBy(stored => stored.Tag, StringComparer.Ordinal)];
        return !Directory.Exists(Folder) ? $"There is no store of Ollama in {Folder}; set OLLAMA_MODELS to its folder."
            : others.Length > 0 ? $"Ollama's store {Folder} has {wanted.Model} as {string.Join(", ", others.Select(stored => stored.Tag))} and not as "
                + $"{wanted.Tag}; give one of these, as in ollama:{others[0].Shown(withHost: wanted.Host is not null)}."
            : $"{name} is not in Ollama's store {Folder}; fetch it with \"ollama pull {name}\", or see \"gemma list\".";
    }

    static string Shown(OllamaName name, (OllamaName Name, string Path)[] all) =>
        name.Shown(withHost: all.Count(other => (name with { Host = null }).Means(other.Name)) > 1);

    /// <summary>Every manifest, by its place.</summary>
    IEnumerable<(OllamaName Name, string Path)> Manifests()
    {
        string root = Path.Combine(Folder, "manifests");
        string[] paths;
        try
        {
            paths = Directory.Exists(root)
                ? Directory.GetFiles(root, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = Depth, IgnoreInaccessible = true })
                : [];
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new HubException(
                HubFailure.Storage,
                $"Ollama's store {Folder} may not be read ({e.Message.TrimEnd('.')}); run this as a user who may, or set OLLAMA_MODELS to another.", e);
        }

        foreach (string path in paths)
        {
            string[] parts = Path.GetRelativePath(root, path).Split(Path.DirectorySeparatorChar);
            if (parts.Length == Depth && OllamaName.Of(parts[0], parts[1], parts[2], parts[3]) is OllamaName name)
            {
                yield return (name, path);
            }
        }
    }

    static string Usual(Func<string, string?> variable)
    {
        if (variable("OLLAMA_MODELS")?.Trim() is { Length: > 0 } named)
        {
            return named;
        }

        const string Service = "/usr/share/ollama/.ollama/models";
        string own = Path.Combine(HubEnvironment.UserFolder(variable), ".ollama", "models");
        return !Directory.Exists(own) && OperatingSystem.IsLinux() && Directory.Exists(Service) ? Service : own;
    }
}

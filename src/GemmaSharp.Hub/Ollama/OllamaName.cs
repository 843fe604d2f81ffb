using System.Text.RegularExpressions;

namespace GemmaSharp.Hub.Ollama;

/// <summary>A model's name as Ollama writes it: <c>[HOST/][NAMESPACE/]MODEL[:TAG]</c>. Every part is safe as a part of a path.</summary>
/// <param name="Host">Where it comes from; null for the store's own, whichever that is.</param>
/// <param name="Namespace">Whose it is.</param>
/// <param name="Model">The model.</param>
/// <param name="Tag">Which of it.</param>
sealed partial record OllamaName(string? Host, string Namespace, string Model, string Tag)
{
    /// <summary>The namespace where none is given.</summary>
    public const string Library = "library";

    const string Latest = "latest";

    /// <summary>Reads a name.</summary>
    /// <exception cref="HubException">It is none.</exception>
    public static OllamaName Parse(string text)
    {
        // A colon may also stand before the port of a host.
        string[] parts = text.Split('/');
        int colon = parts[^1].LastIndexOf(':');
        string model = colon < 0 ? parts[^1] : parts[^1][..colon], tag = colon < 0 ? Latest : parts[^1][(colon + 1)..];
        OllamaName? name = parts.Length switch
        {
            1 => new(null, Library, model, tag),
            2 => new(null, parts[0], model, tag),
            3 => new(parts[0], parts[1], model, tag),
            _ => null,
        };
        bool isGood = name is not null && Part().IsMatch(name.Model) && Part().IsMatch(name.Tag) && Part().IsMatch(name.Namespace)
            && !name.Namespace.Contains('.', StringComparison.Ordinal) && (name.Host is null || HostForm().IsMatch(name.Host));
        return isGood ? name! : throw new HubException(HubFailure.BadName,
            $"\"{text}\" is no name of a model in Ollama's store; give one such as ollama:gemma3n:e2b, or one that \"gemma list\" shows.");
    }

    /// <summary>The name of a manifest by its place; null where the place is none.</summary>
    public static OllamaName? Of(string host, string space, string model, string tag) =>
        HostForm().IsMatch(host) && Part().IsMatch(space) && Part().IsMatch(model) && Part().IsMatch(tag) ? new(host, space, model, tag) : null;

    /// <summary>Whether a stored name is the one that is meant. Case counts for nothing, as on file systems that do not know it.</summary>
    public bool Means(OllamaName stored) =>
        (Host is null || Same(Host, stored.Host)) && Same(Namespace, stored.Namespace) && Same(Model, stored.Model) && Same(Tag, stored.Tag);

    /// <summary>As it is shown: without what is usual, and without the host where there is but one of this name.</summary>
    public string Shown(bool withHost) => $"{(withHost ? $"{Host}/{Namespace}/" : Same(Namespace, Library) ? "" : Namespace + "/")}{Model}:{Tag}";

    static bool Same(string? a, string? b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Part();

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostForm();
}

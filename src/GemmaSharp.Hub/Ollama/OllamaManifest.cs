using System.Text.Json;
using System.Text.RegularExpressions;
using GemmaSharp.Files;

namespace GemmaSharp.Hub.Ollama;

/// <summary>
/// The list of what a model of Ollama's store is made of, and the files that hold it. Nothing of it is trusted: digests become names of files only when they
/// are digests.
/// </summary>
sealed partial class OllamaManifest
{
    const int LargestManifest = 1 << 20;
    const int LargestText = 1 << 20;
    const int MostLayers = 256;
    const string Images = "application/vnd.ollama.image.";

    readonly string _store;
    readonly string _name;
    readonly List<(string Kind, string Digest, long Size)> _layers = [];
    readonly string? _config;

    /// <summary>Reads a manifest.</summary>
    /// <param name="store">The store's folder.</param>
    /// <param name="path">The manifest.</param>
    /// <param name="name">What messages call the model.</param>
    /// <exception cref="HubException">It cannot be read, or is no manifest.</exception>
    public OllamaManifest(string store, string path, string name)
    {
        (_store, _name) = (store, name);
        try
        {
            byte[] bytes = BoundedFile.ReadRegular(path, LargestManifest)
                ?? throw Broken($"its manifest has more than {LargestManifest} bytes");
            using JsonDocument json = JsonDocument.Parse(bytes);
            JsonElement root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("layers", out JsonElement layers) || layers.ValueKind != JsonValueKind.Array
                || layers.GetArrayLength() > MostLayers)
            {
                throw Broken("its manifest has no list of layers");
            }

            foreach (JsonElement layer in layers.EnumerateArray())
            {
                if (Text(layer, "mediaType") is { } type && type.StartsWith(Images, StringComparison.Ordinal))
                {
                    _layers.Add((type[Images.Length..].Split('+', ';')[0].Trim(), Text(layer, "digest") ?? "", Number(layer, "size")));
                }
            }

            _config = root.TryGetProperty("config", out JsonElement config) ? Text(config, "digest") : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Broken("its manifest is no JSON");
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new HubException(HubFailure.Storage, $"The manifest {path} cannot be read ({e.Message.TrimEnd('.')}); make it readable.", e);
        }
    }

    /// <summary>The model with its files, all of which are there in full.</summary>
    /// <exception cref="HubException">A file is missing or cut, or the model is of a kind that cannot be used.</exception>
    public OllamaModel Model()
    {
        (string Kind, string Advice)[] others =
        [
            ("adapter", "is a LoRA adapter upon another model, in GGUF; use its base, and the adapter as peft or MLX saved it"),
            ("tensor", "is stored as single tensors; pull a GGUF form of it"),
            ("json", "is stored as single tensors; pull a GGUF form of it"),
        ];
        foreach ((string kind, string advice) in others)
        {
            if (_layers.Exists(layer => layer.Kind == kind))
            {
                throw new HubException(HubFailure.NoSuchFile, $"{_name} {advice}.");
            }
        }

        (string Kind, string Digest, long Size)[] models = [.. _layers.Where(layer => layer.Kind == "model")];
        if (models.Length != 1)
        {
            throw Broken($"it has {models.Length} files of weights and one is needed");
        }

        (string Kind, string Digest, long Size) projector = _layers.Find(layer => layer.Kind == "projector");
        string weights = Blob(models[0].Digest, models[0].Size), parameters = Content("params") ?? "{}";
        return new OllamaModel(_name, weights, projector.Digest is null ? null : Blob(projector.Digest, projector.Size), models[0].Size + projector.Size,
            Content("system"), Messages(), Parameters(parameters), Licenses(), Family());
    }

    /// <summary>Its licences one after the other; null for none.</summary>
    string? Licenses() =>
        _layers.Where(layer => layer.Kind == "license").Select(Content).ToArray() is { Length: > 0 } texts ? string.Join("\n\n", texts) : null;

    ChatMessage[] Messages()
    {
        if (Content("messages") is not string json)
        {
            return [];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return [.. document.RootElement.EnumerateArray().Select(each =>
                Text(each, "role") is { Length: > 0 } role && Text(each, "content") is string content ? new ChatMessage(role, content)
                    : throw Broken("its messages are no list of roles and texts"))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Broken("its messages are no list in JSON");
        }
    }

    Dictionary<string, JsonElement> Parameters(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.EnumerateObject().GroupBy(each => each.Name, StringComparer.Ordinal)
                    .ToDictionary(group => group.Key, group => group.Last().Value.Clone(), StringComparer.Ordinal)
                : throw Broken("its parameters are no JSON object");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Broken("its parameters are no JSON");
        }
    }

    string? Family()
    {
        if (_config is null || !Digest().IsMatch(_config))
        {
            return null;
        }

        try
        {
            using JsonDocument json = JsonDocument.Parse(BoundedFile.ReadRegular(Path(_config), LargestText) ?? []);
            return Text(json.RootElement, "model_family");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException || BoundedFile.IsRefusal(e))
        {
            // It is only shown.
            return null;
        }
    }

    /// <summary>A layer that is a text, the last of several; null where there is none.</summary>
    string? Content(string kind) => _layers.FindLast(layer => layer.Kind == kind) is { Digest: not null } layer ? Content(layer) : null;

    string Content((string Kind, string Digest, long Size) layer)
    {
        string path = Blob(layer.Digest, layer.Size);
        try
        {
            return BoundedFile.ReadRegular(path, LargestText) is byte[] bytes ? System.Text.Encoding.UTF8.GetString(bytes)
                : throw Broken($"its {layer.Kind} is too long");
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>The file of a layer.</summary>
    /// <exception cref="HubException">It is not there, or not all of it.</exception>
    string Blob(string digest, long size)
    {
        if (!Digest().IsMatch(digest))
        {
            throw Broken("its manifest names a file by something that is no digest");
        }

        string path = Path(digest);
        long? found;
        try
        {
            found = BoundedFile.Length(path);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw Unreadable(path, e);
        }

        return found == size ? path : throw new HubException(HubFailure.Corrupt, found is null
            ? $"{_name} is in Ollama's store {_store} without its file {System.IO.Path.GetFileName(path)}"
                + (HasPart(path) ? ", of which a part is there" : "") + "; let \"ollama pull\" finish it."
            : $"{_name}'s file {path} has {found} bytes and its manifest says {size}; let \"ollama pull\" fetch it again.");
    }

    string Path(string digest) => System.IO.Path.Combine(_store, "blobs", digest.Replace(':', '-'));

    static bool HasPart(string path) =>
        Directory.Exists(System.IO.Path.GetDirectoryName(path))
        && Directory.EnumerateFiles(System.IO.Path.GetDirectoryName(path)!, System.IO.Path.GetFileName(path) + "-partial*").Any();

    static string? Text(JsonElement holder, string key) =>
        holder.ValueKind == JsonValueKind.Object && holder.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    static long Number(JsonElement holder, string key) =>
        holder.ValueKind == JsonValueKind.Object && holder.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt64(out long number) ? number : -1;

    HubException Broken(string what) =>
        new(HubFailure.Corrupt, $"{_name} in Ollama's store {_store} cannot be used: {what}; let \"ollama pull\" fetch it again.");

    static HubException Unreadable(string path, Exception e) => new(
        HubFailure.Storage,
        $"The file {path} cannot be read ({e.Message.TrimEnd('.')}); run this as a user who may, or point OLLAMA_MODELS to a store of your own.", e);

    [GeneratedRegex(@"\Asha256:[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digest();
}

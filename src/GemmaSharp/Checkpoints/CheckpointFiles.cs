using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using GemmaSharp.Configuration;
using GemmaSharp.Files;

namespace GemmaSharp.Checkpoints;

/// <summary>Finds the weight files of a checkpoint folder, and says what a folder without any holds instead.</summary>
static partial class CheckpointFiles
{
    public const string IndexName = "model.safetensors.index.json";

    const int MostShards = 1024;

    /// <summary>The files to read first, and those to fall back on when the index turns out to be stale.</summary>
    /// <param name="Files">Paths, in order.</param>
    /// <param name="Others">Further <c>model*.safetensors</c> of the folder.</param>
    /// <param name="Index">Tensor name to file name; empty without an index.</param>
    /// <param name="Missing">Files the index names that are not there.</param>
    public sealed record Selection(
        IReadOnlyList<string> Files, IReadOnlyList<string> Others, IReadOnlyDictionary<string, string> Index, IReadOnlyList<string> Missing);

    /// <exception cref="CheckpointException">There is no such folder, or it holds no safetensors checkpoint.</exception>
    public static Selection Find(string folder)
    {
        if (File.Exists(folder))
        {
            throw new CheckpointException(DescribeFile(folder));
        }

        if (!Directory.Exists(folder))
        {
            throw new CheckpointException($"There is no folder {folder}; give the path of a checkpoint folder, or download one from the Hugging Face hub.");
        }

        string[] present = Present(folder);
        Dictionary<string, string> index = ReadIndex(folder);
        string[] named = [.. index.Values.Distinct().Order(StringComparer.Ordinal)];
        if (named.Length > MostShards)
        {
            throw new CheckpointException($"{IndexName} names {named.Length} files; at most {MostShards} are possible.");
        }

        string[] missing = [.. named.Where(name => !File.Exists(Path.Combine(folder, name)))];
        string[] chosen = [.. named.Except(missing)];
        if (chosen.Length == 0)
        {
            chosen = present;
        }

        if (chosen.Length == 0)
        {
            throw new CheckpointException(missing.Length > 0
                ? $"{IndexName} names {missing[0]} and {missing.Length - 1} more, none of which is in {folder}; finish the download."
                : DescribeFolder(folder));
        }

        if (index.Count == 0)
        {
            RequireAllShards(folder, chosen);
        }

        return new Selection(InFolder(folder, chosen), InFolder(folder, present.Except(chosen)), index, missing);
    }

    static string[] InFolder(string folder, IEnumerable<string> names) => [.. names.Select(name => Path.Combine(folder, name))];

    // model*.safetensors as transformers and MLX name them; older MLX wrote weights*.safetensors.
    static string[] Present(string folder)
    {
        string[] names;
        try
        {
            names = [.. Directory.EnumerateFiles(folder, "*.safetensors").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)
                .Take(MostShards + 1)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"The folder {folder} cannot be read ({e.Message.TrimEnd('.')}); check its permissions.", e);
        }

        if (names.Length > MostShards)
        {
            throw new CheckpointException($"{folder} holds more than {MostShards} safetensors files; give the folder of one checkpoint.");
        }

        string[] models = [.. names.Where(name => name.StartsWith("model", StringComparison.Ordinal))];
        return models.Length > 0 ? models : [.. names.Where(name => name.StartsWith("weights", StringComparison.Ordinal))];
    }

    static Dictionary<string, string> ReadIndex(string folder)
    {
        var index = new Dictionary<string, string>(StringComparer.Ordinal);
        if (ConfigFile.TryRead(Path.Combine(folder, IndexName)) is not JsonElement root)
        {
            return index;
        }

        if (!root.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new CheckpointException($"{IndexName} has no weight_map; download it again, or delete it to have all model*.safetensors read.");
        }

        foreach (JsonProperty entry in map.EnumerateObject())
        {
            string? file = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : null;
            if (string.IsNullOrEmpty(file) || file != Path.GetFileName(file) || file.Contains('\\', StringComparison.Ordinal) || file is "." or ".."
                || file.Contains('\0', StringComparison.Ordinal))
            {
                throw new CheckpointException(
                    $"{IndexName} sends tensor {entry.Name} to {entry.Value.GetRawText()}; a file name inside the folder is needed, so do not trust this "
                        + $"checkpoint.");
            }

            index[entry.Name] = file;
        }

        return index;
    }

    static void RequireAllShards(string folder, string[] names)
    {
        foreach (string name in names)
        {
            if (ShardName().Match(name) is not { Success: true } shard
                || !int.TryParse(shard.Groups[2].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count > MostShards)
            {
                continue;
            }

            int digits = shard.Groups[2].Length;
            for (int i = 1; i <= count; i++)
            {
                string number = i.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
                string other = $"{shard.Groups[1].Value}-{number}-of-{shard.Groups[2].Value}.safetensors";
                if (!names.Contains(other))
                {
                    throw new CheckpointException($"{folder} has {name} and not {other}; finish the download.");
                }
            }
        }
    }

    static string DescribeFile(string path)
    {
        Span<byte> start = stackalloc byte[16];
        try
        {
            // A pipe, which has no length, would be waited for.
            if (BoundedFile.Length(path) == 0)
            {
                return $"{path} has no content; give the path of a checkpoint folder.";
            }

            using FileStream stream = File.OpenRead(path);
            start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{path} cannot be read ({e.Message.TrimEnd('.')}); give the path of a checkpoint folder.";
        }

        return ForeignFile.Describe(start) is string foreign
            ? $"{path} {foreign}"
            : $"{path} is a file; give the folder that holds it together with config.json.";
    }

    static string DescribeFolder(string folder)
    {
        string[] names;
        try
        {
            names = [.. Directory.EnumerateFiles(folder).Take(10_000).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"The folder {folder} cannot be read ({e.Message.TrimEnd('.')}); check its permissions.";
        }

        string? First(params string[] ends) => names.FirstOrDefault(name => ends.Any(end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase)));
        if (First(".gguf") is string gguf)
        {
            return $"{folder} holds {gguf}, a GGUF file that is not a model's, or not its first part; give the model's own file, or download it, too.";
        }

        if (names.Contains("adapter_model.safetensors"))
        {
            return $"{folder} holds a LoRA adapter and no model; give the base model's folder, and this one as the adapter.";
        }

        if (First(".bin", ".pt", ".pth", ".ckpt") is string torch)
        {
            return $"{folder} holds {torch}, PyTorch weights; this program reads safetensors, so save the model with safe_serialization=True.";
        }

        return First(".npz") is string npz
            ? $"{folder} holds {npz}, an early MLX form; this program reads safetensors, so convert the model again with a newer mlx-lm."
            : $"{folder} holds no model*.safetensors; give the folder of a checkpoint, or download one from the Hugging Face hub.";
    }

    [GeneratedRegex("^(.+)-[0-9]{1,6}-of-([0-9]{1,6})\\.safetensors$", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();
}

using System.Text.Json;
using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>The files of an adapter's folder, recognised by their names and by what the configuration says.</summary>
/// <param name="Format">Which program's they are.</param>
/// <param name="Config">The configuration's root object.</param>
/// <param name="Weights">Path of the weight file.</param>
sealed record AdapterFiles(AdapterFormat Format, JsonElement Config, string Weights)
{
    public const string ConfigName = "adapter_config.json";

    const string PeftName = "adapter_model.safetensors";
    const string MlxName = "adapters.safetensors";

    /// <exception cref="AdapterException">The folder holds no adapter.</exception>
    public static AdapterFiles Find(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
        {
            throw new AdapterException(File.Exists(folder)
                ? $"{folder} is a file; give the folder that holds {ConfigName} and the weights."
                : $"There is no folder {folder}; give the folder of an adapter, with {ConfigName} and {PeftName} or {MlxName}.");
        }

        JsonElement config = ReadConfig(folder);
        bool mlx = config.TryGetProperty("fine_tune_type", out _) || config.TryGetProperty("lora_parameters", out _);
        bool peft = config.TryGetProperty("peft_type", out _);
        AdapterFormat format = peft || (!mlx && File.Exists(Path.Combine(folder, PeftName))) ? AdapterFormat.Peft : AdapterFormat.MlxLm;
        if (!peft && !mlx && config.TryGetProperty("rank", out _) && config.TryGetProperty("alpha", out _))
        {
            throw new AdapterException(
                $"The {ConfigName} in {folder} is mlx-vlm's, whose adapters are scaled differently from version to version; train or export the adapter with "
                    + $"peft or mlx-lm.");
        }

        string weights = Path.Combine(folder, format == AdapterFormat.Peft ? PeftName : MlxName);
        if (!File.Exists(weights))
        {
            throw new AdapterException(File.Exists(Path.Combine(folder, "adapter_model.bin"))
                ? $"{folder} holds adapter_model.bin, a Python pickle; save the adapter with safe_serialization=True, which writes {PeftName}."
                : $"{folder} has an {ConfigName} {(format == AdapterFormat.Peft ? "of peft" : "of mlx-lm")} but no {Path.GetFileName(weights)}; finish the "
                    + $"download or give another folder.");
        }

        return new AdapterFiles(format, config, weights);
    }

    static JsonElement ReadConfig(string folder)
    {
        try
        {
            return ConfigFile.TryRead(Path.Combine(folder, ConfigName))
                ?? throw new AdapterException($"{folder} has no {ConfigName}, so it is no adapter; give the folder into which peft or mlx-lm saved one.");
        }
        catch (ConfigurationException e)
        {
            throw new AdapterException(e.Message, e);
        }
    }
}

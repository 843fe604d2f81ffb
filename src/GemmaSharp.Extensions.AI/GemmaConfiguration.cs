using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace GemmaSharp.Extensions.AI;

/// <summary>Reads options from the program's configuration, where it has one: by hand, since binding by reflection does not survive trimming.</summary>
sealed class GemmaConfiguration(IServiceProvider services) : IConfigureNamedOptions<GemmaOptions>, IConfigureNamedOptions<GemmaChatOptions>
{
    public void Configure(GemmaOptions options) => Configure(Options.DefaultName, options);

    public void Configure(GemmaChatOptions options) => Configure(Options.DefaultName, options);

    public void Configure(string? name, GemmaOptions options)
    {
        if (Section(name) is IConfigurationSection section)
        {
            GemmaModelOptions model = options.Model;
            options.ModelPath = section["ModelPath"] ?? options.ModelPath;
            options.Preload = Bool(section, "Preload") ?? options.Preload;
            options.Model = model with
            {
                Threads = Int(section, "Threads") ?? model.Threads,
                ContextLength = Int(section, "ContextLength") ?? model.ContextLength,
                Vision = Bool(section, "Vision") ?? model.Vision,
                Audio = Bool(section, "Audio") ?? model.Audio,
                ImageSize = Int(section, "ImageSize") ?? model.ImageSize,
                VisionWeights = Enumeration<VisionWeights>(section, "VisionWeights") ?? model.VisionWeights,
                Slice = section["Slice"] is { Length: > 0 } slice ? MatFormerSlice.Parse(slice) : model.Slice,
                Exact = Bool(section, "Exact") ?? model.Exact,
                MaxActive = Int(section, "MaxActive") ?? model.MaxActive,
                MaxQueued = Int(section, "MaxQueued") ?? model.MaxQueued,
                CacheBytes = Long(section, "CacheBytes") ?? model.CacheBytes,
            };
        }
    }

    public void Configure(string? name, GemmaChatOptions options)
    {
        if (Section(name)?.GetSection("Chat") is IConfigurationSection section)
        {
            options.ModelId = section["ModelId"] ?? options.ModelId;
            options.Tenant = section["Tenant"] ?? options.Tenant;
            options.ToolFormat = Enumeration<ToolFormat>(section, "ToolFormat") ?? options.ToolFormat;
            options.AllowMultipleToolCalls = Bool(section, "AllowMultipleToolCalls") ?? options.AllowMultipleToolCalls;
            options.InjectSchema = Bool(section, "InjectSchema") ?? options.InjectSchema;
            options.StrictSchemas = Bool(section, "StrictSchemas") ?? options.StrictSchemas;
            options.LenientSchemas = Bool(section, "LenientSchemas") ?? options.LenientSchemas;
            options.Media = options.Media with
            {
                AllowFiles = Bool(section, "AllowFiles") ?? options.Media.AllowFiles,
                AllowRemote = Bool(section, "AllowRemote") ?? options.Media.AllowRemote,
                MaxFileBytes = Long(section, "MaxFileBytes") ?? options.Media.MaxFileBytes,
            };
            foreach (IConfigurationSection alias in section.GetSection("Aliases").GetChildren())
            {
                if (alias.Value is { Length: > 0 } text)
                {
                    options.Aliases.Add(text);
                }
            }
        }
    }

    IConfigurationSection? Section(string? name)
    {
        IConfigurationSection? section = services.GetService<IConfiguration>()?.GetSection(GemmaOptions.Section);
        return string.IsNullOrEmpty(name) ? section : section?.GetSection(name);
    }

    static bool? Bool(IConfigurationSection section, string key) =>
        Value(section, key) is not string text ? null : bool.TryParse(text, out bool value) ? value : throw Wrong(section, key, text, "true or false");

    static int? Int(IConfigurationSection section, string key) => Long(section, key) switch
    {
        null => null,
        long value when value is >= int.MinValue and <= int.MaxValue => (int)value,
        long value => throw Wrong(section, key, value.ToString(CultureInfo.InvariantCulture), "a whole number below two thousand million"),
    };

    static long? Long(IConfigurationSection section, string key) => Value(section, key) is not string text ? null
        : long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long value) ? value
        : throw Wrong(section, key, text, "a whole number");

    static T? Enumeration<T>(IConfigurationSection section, string key)
        where T : struct, Enum => Value(section, key) is not string text ? null
        : Enum.TryParse(text, ignoreCase: true, out T value) && Enum.IsDefined(value) ? value
        : throw Wrong(section, key, text, $"one of {string.Join(", ", Enum.GetNames<T>())}");

    static string? Value(IConfigurationSection section, string key) => section[key] is { Length: > 0 } text ? text : null;

    static OptionsValidationException Wrong(IConfigurationSection section, string key, string found, string needed) =>
        new(section.Path, typeof(GemmaOptions), [$"{section.Path}:{key} is {found}; it must be {needed}, or be left out."]);
}

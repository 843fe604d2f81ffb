using System.Globalization;
using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>
/// Reads typed values out of one section that may be spread over several files, and notes for each where it came from.
/// The first source that has a key (and not as <c>null</c>) wins.
/// </summary>
sealed partial class JsonFields
{
    readonly record struct Source(JsonElement Element, string File, string Path, Func<string, ConfigPlace>? Places)
    {
        /// <summary>Where the value of a key stands.</summary>
        public ConfigPlace Of(string key) => Places?.Invoke($"{Path}.{key}") ?? new ConfigPlace(File, $"{Path}.{key}");
    }

    readonly List<Source> _sources = [];
    readonly string _prefix;
    readonly List<EffectiveValue> _values;

    /// <param name="section">The section's name in listings: <c>text_config</c>, or empty for the root.</param>
    /// <param name="values">Receives the effective values in reading order.</param>
    public JsonFields(string section, List<EffectiveValue> values)
    {
        _prefix = section.Length == 0 ? "" : section + ".";
        _values = values;
    }

    /// <summary>Whether any source exists.</summary>
    public bool Exists => _sources.Count > 0;

    /// <summary>Adds an object of <paramref name="file"/> as the next place to look.</summary>
    /// <param name="element">The object; nothing is added for anything else.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="path">Where the object is in it.</param>
    /// <param name="places">Where values stand by their paths, for objects that were put together from elsewhere; null for where they are read.</param>
    public JsonFields Add(JsonElement? element, string file, string path = "$", Func<string, ConfigPlace>? places = null)
    {
        if (element is { ValueKind: JsonValueKind.Object } found)
        {
            _sources.Add(new Source(found, file, path, places));
        }

        return this;
    }

    /// <summary>The objects at <paramref name="key"/> as a section of their own.</summary>
    /// <exception cref="ConfigurationException">There is a value and it is not an object.</exception>
    public JsonFields Section(string key, string? name = null)
    {
        var section = new JsonFields(name ?? _prefix + key, _values);
        foreach (Source source in _sources)
        {
            if (source.Element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null)
            {
                if (value.ValueKind != JsonValueKind.Object)
                {
                    throw Refuse(source, key, value, "an object");
                }

                section.Add(value, source.File, $"{source.Path}.{key}", source.Places);
            }
        }

        return section;
    }

    /// <summary>The raw value at <paramref name="key"/>, or nothing when absent or <c>null</c>.</summary>
    public JsonElement? Raw(string key) => Find(key) is (_, _, JsonElement value) ? value : null;

    /// <summary>An object within the value at <paramref name="key"/>, as a section whose own values are noted nowhere.</summary>
    public JsonFields Within(string key, JsonElement element, string entry)
    {
        Source source = Find(key)!.Value.Source;
        return new JsonFields(key, []).Add(element, source.File, $"{source.Path}.{key}{entry}", source.Places);
    }

    /// <summary>What messages call a value of this section: its key, or where it stands if that is elsewhere.</summary>
    public string Name(string key)
    {
        Source? source = Find(key)?.Source ?? (_sources.Count > 0 ? _sources[0] : null);
        return source is { Places: not null } elsewhere ? elsewhere.Of(key).Path : key;
    }

    /// <summary>The keys of the first source.</summary>
    public IEnumerable<string> Keys() => _sources.Count == 0 ? [] : _sources[0].Element.EnumerateObject().Select(p => p.Name);

    /// <summary>A whole number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public int Int(string key, int fallback, int min, int max, string? alias = null)
    {
        if (Find(key, alias) is not (Source source, string foundKey, JsonElement value))
        {
            return Note(key, fallback, "default");
        }

        return Note(key, ReadInt(source, foundKey, value, min, max), Origin(source, foundKey));
    }

    /// <summary>A finite number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public double Number(string key, double fallback, double min, double max, string? alias = null)
    {
        if (Find(key, alias) is not (Source source, string foundKey, JsonElement value))
        {
            return Note(key, fallback, "default");
        }

        return Note(key, ReadNumber(source, foundKey, value, min, max), Origin(source, foundKey));
    }

    /// <summary>A number, or nothing where the file says <c>null</c>; <paramref name="fallback"/> where it says nothing.</summary>
    public double? NumberOrNull(string key, double? fallback, double min, double max)
    {
        if (Find(key) is (Source source, string foundKey, JsonElement value))
        {
            return Note(key, ReadNumber(source, foundKey, value, min, max), Origin(source, foundKey));
        }

        int explicitNull = _sources.FindIndex(s => s.Element.TryGetProperty(key, out _));
        if (explicitNull >= 0)
        {
            NoteText(key, "null", Origin(_sources[explicitNull], key));
            return null;
        }

        NoteText(key, fallback is double f ? Text(f) : "null", "default");
        return fallback;
    }

    /// <summary>A boolean.</summary>
    public bool Bool(string key, bool fallback)
    {
        if (Find(key) is not (Source source, string foundKey, JsonElement value))
        {
            NoteText(key, fallback ? "true" : "false", "default");
            return fallback;
        }

        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            throw Refuse(source, foundKey, value, "true or false");
        }

        NoteText(key, value.GetRawText(), Origin(source, foundKey));
        return value.GetBoolean();
    }

    /// <summary>One of the strings <paramref name="accepted"/>; the first is the default.</summary>
    public string Choice(string key, params ReadOnlySpan<string> accepted)
    {
        if (Find(key) is not (Source source, string foundKey, JsonElement value))
        {
            NoteText(key, Quote(accepted[0]), "default");
            return accepted[0];
        }

        string? found = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        if (found is null || !accepted.Contains(found))
        {
            throw Refuse(source, foundKey, value, "one of " + string.Join(", ", accepted.ToArray().Select(Quote)));
        }

        NoteText(key, Quote(found), Origin(source, foundKey));
        return found;
    }

    /// <summary>Notes a value that follows from others by <paramref name="rule"/>.</summary>
    public void Derived(string key, string value, string rule) => NoteText(key, value, "derived: " + rule);

    /// <summary>The refusal of the value at <paramref name="key"/> (or of its default): what was found, what is <paramref name="needed"/>.</summary>
    public ConfigurationException Refuse(string key, string needed)
    {
        if (Find(key) is (Source source, string foundKey, JsonElement value))
        {
            return Refuse(source, foundKey, value, needed);
        }

        ConfigPlace place = (_sources.Count > 0 ? _sources[0] : new Source(default, "config.json", "$", null)).Of(key);
        return new ConfigurationException(place.File, place.Path, $"is absent; {needed} is needed.");
    }

    (Source Source, string Key, JsonElement Value)? Find(string key, string? alias = null)
    {
        foreach (Source source in _sources)
        {
            if (source.Element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null)
            {
                return (source, key, value);
            }
        }

        return alias is null ? null : Find(alias);
    }

    static string Origin(Source source, string key) => source.Of(key).ToString();

    static ConfigurationException Refuse(Source source, string key, JsonElement value, string needed) =>
        Refuse(source.Of(key), $"is {Shorten(value.GetRawText())}; {needed} is needed.");

    static ConfigurationException Refuse(ConfigPlace place, string problem) => new(place.File, place.Path, problem);

    static int ReadInt(Source source, string key, JsonElement value, int min, int max)
    {
        // Some writers store whole numbers as 8.0.
        bool whole = value.ValueKind == JsonValueKind.Number
            && value.TryGetDouble(out double number) && number >= min && number <= max && number == Math.Floor(number);
        return whole ? (int)value.GetDouble() : throw Refuse(source, key, value, $"a whole number from {min} to {max}");
    }

    static double ReadNumber(Source source, string key, JsonElement value, double min, double max) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= min && number <= max
            ? number
            : throw Refuse(source, key, value, $"a number from {Text(min)} to {Text(max)}");

    int Note(string key, int value, string origin)
    {
        NoteText(key, value.ToString(CultureInfo.InvariantCulture), origin);
        return value;
    }

    double Note(string key, double value, string origin)
    {
        NoteText(key, Text(value), origin);
        return value;
    }

    void NoteText(string key, string value, string origin) => _values.Add(new EffectiveValue(_prefix + key, value, origin));

    static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    static string Quote(string text) => $"\"{text}\"";

    static string Shorten(string text) => text.Length <= 60 ? text : text[..57] + "...";
}

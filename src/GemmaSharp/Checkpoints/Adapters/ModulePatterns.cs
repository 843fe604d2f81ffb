using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>peft's <c>rank_pattern</c> or <c>alpha_pattern</c>: numbers by module, the first key that matches counts.</summary>
/// <remarks>
/// A key is a regular expression for a module's whole path or for its end after a dot: <c>^(.*\.)?(KEY)$</c>, as in peft's <c>get_pattern_key</c>.
/// Most keys are plain names and are compared as such. Expressions come from a file of unknown origin, so each, and all together, may take only so long.
/// </remarks>
sealed class ModulePatterns
{
    const int MostKeys = 4096;
    const int MostExpressions = 256;
    const int LongestKey = 1024;

    static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan s_patienceForAll = TimeSpan.FromSeconds(2);

    readonly string _setting;
    readonly AdapterFindings _findings;
    readonly List<(string Key, Regex? Expression, double Value)> _entries = [];
    TimeSpan _spent;

    public ModulePatterns(JsonElement config, string setting, AdapterFindings findings)
    {
        (_setting, _findings) = (setting, findings);
        if (!config.TryGetProperty(setting, out JsonElement patterns) || patterns.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        if (patterns.ValueKind != JsonValueKind.Object)
        {
            findings.AddSetting(setting, FindingKind.WrongSetting,
                $"{setting} is {AdapterFindings.Shown(patterns.GetRawText())}; an object of numbers by module is needed.",
                "Take the adapter_config.json that peft wrote with the adapter.");
            return;
        }

        int expressions = 0;
        foreach (JsonProperty entry in patterns.EnumerateObject())
        {
            if (_entries.Count == MostKeys || expressions == MostExpressions || entry.Name.Length > LongestKey)
            {
                Refuse(entry.Name, $"is one too many or too long; up to {MostKeys} keys, {MostExpressions} of them expressions, of up to {LongestKey} "
                    + $"characters are read");
                return;
            }

            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetDouble(out double value) || !double.IsFinite(value))
            {
                Refuse(entry.Name, "has a value that is no number");
                continue;
            }

            bool plain = entry.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');
            Regex? expression = plain ? null : Expression(entry.Name);
            expressions += plain ? 0 : 1;
            if (plain || expression is not null)
            {
                _entries.Add((entry.Name, expression, value));
            }
        }
    }

    /// <summary>The value of the first key that matches; null when none does.</summary>
    public double? Find(string module)
    {
        for (int i = 0; i < _entries.Count; i++)
        {
            (string key, Regex? expression, double value) = _entries[i];
            bool? matches = expression is null ? EndsWith(module, key) : Matches(expression, module);
            if (matches is null)
            {
                Refuse(key, "takes too long to compare with a module's name");
                _entries.RemoveAt(i--);
            }
            else if (matches == true)
            {
                return value;
            }
        }

        return null;
    }

    /// <summary>Whether an expression matches; null when that takes too long to find out.</summary>
    bool? Matches(Regex expression, string module)
    {
        if (_spent > s_patienceForAll)
        {
            return null;
        }

        long start = Stopwatch.GetTimestamp();
        try
        {
            return expression.IsMatch(module);
        }
        catch (RegexMatchTimeoutException)
        {
            return null;
        }
        finally
        {
            _spent += Stopwatch.GetElapsedTime(start);
        }
    }

    /// <summary>Whether a path ends with a plain key, as an expression in which a dot stands for any character.</summary>
    static bool EndsWith(string module, string key)
    {
        int start = module.Length - key.Length;
        if (start < 0 || (start > 0 && module[start - 1] != '.'))
        {
            return false;
        }

        for (int i = 0; i < key.Length; i++)
        {
            if (key[i] != module[start + i] && key[i] != '.')
            {
                return false;
            }
        }

        return true;
    }

    Regex? Expression(string key)
    {
        try
        {
            // Python writes a group's name with a P.
            return new Regex($@"^(?:.*\.)?(?:{key.Replace("(?P<", "(?<", StringComparison.Ordinal)})$", RegexOptions.CultureInvariant, s_patience);
        }
        catch (ArgumentException)
        {
            Refuse(key, "is no regular expression");
            return null;
        }
    }

    void Refuse(string key, string problem) => _findings.AddSetting(
        $"{_setting}.{AdapterFindings.Shown(key)}", FindingKind.WrongSetting, $"The key {AdapterFindings.Shown(key)} of {_setting} {problem}.",
            "Name the modules by their paths or the ends of their paths.");
}

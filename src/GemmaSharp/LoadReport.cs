using System.Globalization;
using System.Text;
using System.Text.Json;
using GemmaSharp.Checkpoints;

namespace GemmaSharp;

/// <summary>Everything found while fitting a checkpoint to its model, errors first and then by name.</summary>
/// <remarks>The order is fixed: the same checkpoint gives the same report. Immutable.</remarks>
public sealed class LoadReport
{
    internal LoadReport(string folder, IEnumerable<Finding> findings, int tensors, int used, bool isAdapter = false)
    {
        Folder = folder;
        IsAdapter = isAdapter;
        Findings = [.. findings.OrderBy(f => f.Severity).ThenBy(f => f.Tensor, NaturalOrder.Instance).ThenBy(f => f.Kind)
            .ThenBy(f => f.StoredName, StringComparer.Ordinal)];
        Tensors = tensors;
        UsedTensors = used;
    }

    /// <summary>The folder of the checkpoint or adapter.</summary>
    public string Folder { get; }

    /// <summary>Whether this is about an adapter and its base, not about a checkpoint and its configuration.</summary>
    public bool IsAdapter { get; }

    /// <summary>All findings.</summary>
    public IReadOnlyList<Finding> Findings { get; }

    /// <summary>Tensors in the files.</summary>
    public int Tensors { get; }

    /// <summary>Tensors the model uses.</summary>
    public int UsedTensors { get; }

    /// <summary>Whether the model cannot run.</summary>
    public bool HasErrors => Count(Severity.Error) > 0;

    /// <summary>Number of findings of a severity.</summary>
    public int Count(Severity severity) => Findings.Count(f => f.Severity == severity);

    /// <summary>Refuses the checkpoint if there is any error.</summary>
    /// <exception cref="CheckpointException">There is; it carries this report. An adapter's is an <see cref="AdapterException"/>.</exception>
    public void ThrowIfErrors()
    {
        if (HasErrors)
        {
            throw IsAdapter ? new AdapterException(this) : new CheckpointException(this);
        }
    }

    /// <summary>This report with further findings, such as those of <see cref="CheckpointValues.FindNonFinite"/>.</summary>
    /// <remarks>What both name is there once.</remarks>
    public LoadReport With(IEnumerable<Finding> findings) =>
        new(Folder, Findings.Concat(findings).DistinctBy(f => (f.Kind, f.Tensor, f.StoredName)), Tensors, UsedTensors, IsAdapter);

    /// <summary>The counts and the first findings in one paragraph.</summary>
    internal string Summary()
    {
        const int Shown = 3;
        Finding[] errors = [.. Findings.Where(f => f.Severity == Severity.Error)];
        string first = string.Join(" ", errors.Take(Shown).Select(f => f.Repair is null ? f.Problem : $"{f.Problem} {f.Repair}"));
        string more = errors.Length > Shown ? $" And {errors.Length - Shown} more." : "";
        string what = IsAdapter ? $"The adapter in {Folder} does not fit its base" : $"The checkpoint in {Folder} does not fit its configuration";
        return $"{what} in {errors.Length} {(errors.Length == 1 ? "place" : "places")}. {first}{more}";
    }

    /// <summary>All findings, one a line, with the counts at the end.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (Finding finding in Findings)
        {
            text.Append(finding).Append('\n');
        }

        return text.Append(CultureInfo.InvariantCulture,
            $"{Tensors} tensors, {UsedTensors} used; {Count(Severity.Error)} errors, {Count(Severity.Warning)} warnings, {Count(Severity.Note)} notes")
            .ToString();
    }

    /// <summary>Writes the report as one JSON object.</summary>
    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("folder", Folder);
        json.WriteNumber("tensors", Tensors);
        json.WriteNumber("used_tensors", UsedTensors);
        json.WriteNumber("errors", Count(Severity.Error));
        json.WriteNumber("warnings", Count(Severity.Warning));
        json.WriteNumber("notes", Count(Severity.Note));
        json.WriteStartArray("findings");
        foreach (Finding finding in Findings)
        {
            Write(json, finding);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, Finding finding)
    {
        json.WriteStartObject();
        json.WriteString("severity", Snake(finding.Severity));
        json.WriteString("kind", Snake(finding.Kind));
        json.WriteString("tensor", finding.Tensor);
        json.WriteString("stored_name", finding.StoredName);
        json.WriteString("module_path", finding.ModulePath);
        json.WriteString("module_type", finding.ModuleType);
        WriteShape(json, "expected_shape", finding.ExpectedShape);
        WriteShape(json, "found_shape", finding.FoundShape);
        json.WriteString("found_type", finding.FoundType);
        json.WriteString("file", finding.File);
        WriteNumber(json, "first_byte", finding.FirstByte);
        WriteNumber(json, "end_byte", finding.EndByte);
        json.WriteString("problem", finding.Problem);
        json.WriteString("repair", finding.Repair);
        json.WriteEndObject();
    }

    static void WriteShape(Utf8JsonWriter json, string name, IReadOnlyList<long>? shape)
    {
        if (shape is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartArray(name);
        foreach (long axis in shape)
        {
            json.WriteNumberValue(axis);
        }

        json.WriteEndArray();
    }

    static void WriteNumber(Utf8JsonWriter json, string name, long? number)
    {
        if (number is long value)
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    static string Snake<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}

using GemmaSharp.Checkpoints;
using GemmaSharp.Conversion;
using GemmaSharp.Conversion.Comparison;
using GemmaSharp.Layers;

namespace GemmaSharp;

/// <summary>Compares two checkpoints parameter by parameter, whatever naming scheme, kernel layout, shards and stored form each has.</summary>
/// <remarks>
/// Quantised modules are compared by the values their codes stand for, <c>a</c> of the first checkpoint against <c>b</c> of the other. Files are read in pieces
/// of a few megabytes, so memory does not grow with the checkpoint. Immutable.
/// </remarks>
public sealed class CheckpointComparison
{
    /// <summary>Float32 values of a piece.</summary>
    const int PieceLength = 1 << 20;

    CheckpointComparison(string folder, string other, CheckpointComparisonOptions options, IEnumerable<ParameterDifference> parameters)
    {
        Folder = folder;
        Other = other;
        Options = options;
        Parameters = [.. parameters.OrderBy(p => p.Agrees).ThenByDescending(p => p.Agreement).ThenByDescending(p => p.Relative)
            .ThenBy(p => p.Name, NaturalOrder.Instance)];
    }

    /// <summary>The first checkpoint.</summary>
    public string Folder { get; }

    /// <summary>The one it is compared with; errors are relative to its values.</summary>
    public string Other { get; }

    /// <summary>What was compared, and what counts as agreement.</summary>
    public CheckpointComparisonOptions Options { get; }

    /// <summary>Every parameter of either checkpoint, the worst first.</summary>
    public IReadOnlyList<ParameterDifference> Parameters { get; }

    /// <summary>Whether all parameters agree. A checkpoint in which nothing is to be compared agrees with nothing.</summary>
    public bool Agrees => Parameters.Count > 0 && Parameters.All(p => p.Agrees);

    /// <summary>Number of parameters that agree in this way.</summary>
    public int Count(ParameterAgreement agreement) => Parameters.Count(p => p.Agreement == agreement);

    /// <summary>Compares two checkpoints.</summary>
    /// <param name="folder">The first checkpoint.</param>
    /// <param name="other">The one it is compared with.</param>
    /// <param name="options">What is compared, and what counts as agreement; all, and equal values, where none are given.</param>
    /// <param name="progress">Receives the share of bytes read, 0 … 1.</param>
    /// <param name="cancellationToken">Ends the comparison.</param>
    /// <exception cref="CheckpointException">A folder is no checkpoint, or a file cannot be read.</exception>
    /// <exception cref="ConfigurationException">A configuration is of another model, or impossible.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static CheckpointComparison Compare(
        string folder, string other, CheckpointComparisonOptions? options = null, IProgress<double>? progress = null,
            CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentException.ThrowIfNullOrEmpty(other);
        options ??= new CheckpointComparisonOptions();
        using var first = new ComparedCheckpoint(folder);
        using var second = new ComparedCheckpoint(other);
        using var reader = new TensorReader();
        TracePattern[] only = [.. options.Only.Select(text => new TracePattern(text))];
        string[] names = [.. first.Parameters.Keys.Union(second.Parameters.Keys)
            .Where(name => only.Length == 0 || Array.Exists(only, pattern => pattern.Matches(name))).Order(NaturalOrder.Instance)];
        long total = names.Sum(name => Bytes(first, name) + Bytes(second, name)), done = 0;
        var differences = new List<ParameterDifference>(names.Length);
        try
        {
            foreach (string name in names)
            {
                first.Parameters.TryGetValue(name, out ComparedParameter? a);
                second.Parameters.TryGetValue(name, out ComparedParameter? b);
                differences.Add(Compare(name, a, b, options.Tolerance, reader, cancellationToken));
                done += Bytes(first, name) + Bytes(second, name);
                progress?.Report(total == 0 ? 1 : (double)done / total);
            }
        }
        catch (ConversionException e)
        {
            throw new CheckpointException(e.Message, e);
        }

        return new CheckpointComparison(folder, other, options, differences);
    }

    static long Bytes(ComparedCheckpoint side, string name) =>
        side.Parameters.TryGetValue(name, out ComparedParameter? parameter) ? parameter.Parts.Sum(part => part.Entry.Length) : 0;

    static ParameterDifference Compare(
        string name, ComparedParameter? a, ComparedParameter? b, double tolerance, TensorReader reader, CancellationToken cancellationToken)
    {
        ParameterDifference Of(ParameterAgreement agreement, double relative = double.NaN, double rms = double.NaN, long worst = 0) =>
            new(name, agreement, a?.Form, b?.Form, relative, rms, worst, (a?.IsOptional ?? true) && (b?.IsOptional ?? true));

        if (a is null || b is null)
        {
            return Of(b is null ? ParameterAgreement.OnlyInFirst : ParameterAgreement.OnlyInOther);
        }

        if (!a.Shape.SequenceEqual(b.Shape))
        {
            return Of(ParameterAgreement.OtherShape);
        }

        if (a.IsStoredAs(b) && HaveSameBytes(a, b, reader, cancellationToken))
        {
            return Of(ParameterAgreement.Exact, 0, 0);
        }

        if (!a.IsFloat || !b.IsFloat)
        {
            return Of(ParameterAgreement.Different, double.PositiveInfinity, double.PositiveInfinity);
        }

        DifferenceSum sum = Measure(a, b, reader, cancellationToken);
        ParameterAgreement agreement = sum.Relative == 0 ? ParameterAgreement.Exact : sum.Relative <= tolerance
            ? ParameterAgreement.Close
            : ParameterAgreement.Different;
        return Of(agreement, sum.Relative, sum.RootMeanSquare, sum.WorstIndex);
    }

    static DifferenceSum Measure(ComparedParameter a, ComparedParameter b, TensorReader reader, CancellationToken cancellationToken)
    {
        var sum = new DifferenceSum();
        bool flat = a.IsFlat && b.IsFlat;
        int length = flat ? 1 : checked((int)a.RowLength);
        long rows = flat ? a.Rows * a.RowLength : length == 0 ? 0 : a.Rows;
        int rowsPerPiece = (int)Math.Min(Math.Max(1, PieceLength / Math.Max(1, length)), Math.Max(1, rows));
        float[] x = new float[rowsPerPiece * length], y = new float[x.Length];
        for (long row = 0; row < rows; row += rowsPerPiece)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = (int)Math.Min(rowsPerPiece, rows - row);
            a.Read(reader, row, count, length, x);
            b.Read(reader, row, count, length, y);
            sum.Add(x.AsSpan(0, count * length), y.AsSpan(0, count * length));
        }

        return sum;
    }

    static bool HaveSameBytes(ComparedParameter a, ComparedParameter b, TensorReader reader, CancellationToken cancellationToken)
    {
        byte[] x = new byte[PieceLength], y = new byte[PieceLength];
        foreach ((StoredTensor first, StoredTensor second) in a.Parts.Zip(b.Parts))
        {
            for (long at = 0; at < first.Entry.Length; at += PieceLength)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int count = (int)Math.Min(PieceLength, first.Entry.Length - at);
                reader.Read(first, at, x.AsSpan(0, count));
                reader.Read(second, at, y.AsSpan(0, count));
                if (!x.AsSpan(0, count).SequenceEqual(y.AsSpan(0, count)))
                {
                    return false;
                }
            }
        }

        return true;
    }
}

/// <summary>What is compared, and what counts as agreement.</summary>
public sealed record CheckpointComparisonOptions
{
    /// <summary>The largest <c>max|a − b| / max|b|</c> of a parameter that counts as agreement; 0 asks for equal values.</summary>
    public double Tolerance { get; init; }

    /// <summary>Which parameters, by canonical name with <c>*</c> and <c>?</c>; a name without either stands for everything below it. Empty for all.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];
}

/// <summary>One parameter of two checkpoints, quantised ones by what their codes stand for.</summary>
/// <param name="Name">Canonical name: <c>language_model.layers.0.mlp.up_proj.weight</c>.</param>
/// <param name="Agreement">How the two agree.</param>
/// <param name="First">How the first checkpoint stores it; <see langword="null"/> when it has none.</param>
/// <param name="Other">How the other checkpoint stores it; <see langword="null"/> when it has none.</param>
/// <param name="Relative"><c>max|a − b| / max|b|</c>; infinite where <c>b</c> is all zeros or a value is finite on one side only; NaN when not
/// compared.</param>
/// <param name="RootMeanSquare"><c>√(Σ(a − b)² / Σb²)</c>, likewise.</param>
/// <param name="WorstIndex">Where the largest difference is, as a flat index into <c>Shape</c>.</param>
/// <param name="IsOptional">Whether the model also runs without it or does not use it, so that a checkpoint that lacks it is no worse.</param>
public sealed record ParameterDifference(
    string Name, ParameterAgreement Agreement, ParameterForm? First, ParameterForm? Other, double Relative, double RootMeanSquare, long WorstIndex,
        bool IsOptional)
{
    /// <summary>Whether this counts as agreement: exact, close, or a parameter that may be absent.</summary>
    public bool Agrees => Agreement is ParameterAgreement.Exact or ParameterAgreement.Close
        || (IsOptional && Agreement is ParameterAgreement.OnlyInFirst or ParameterAgreement.OnlyInOther);
}

/// <summary>How a parameter of one checkpoint agrees with that of another.</summary>
public enum ParameterAgreement
{
    /// <summary>All values are equal, whatever the naming scheme, kernel layout or stored type.</summary>
    Exact,

    /// <summary>The relative error is within the tolerance.</summary>
    Close,

    /// <summary>The relative error is beyond the tolerance, or a value is finite on one side only.</summary>
    Different,

    /// <summary>The sizes differ, so the values are not compared.</summary>
    OtherShape,

    /// <summary>Only the first checkpoint has it.</summary>
    OnlyInFirst,

    /// <summary>Only the other checkpoint has it.</summary>
    OnlyInOther,
}

/// <summary>How a checkpoint stores a parameter.</summary>
/// <param name="StoredName">Name in the file.</param>
/// <param name="File">The file.</param>
/// <param name="Shape">Shape in Hugging Face's layout, unpacked.</param>
/// <param name="Format">Stored form: <c>bf16</c>, <c>affine4/64</c>.</param>
public sealed record ParameterForm(string StoredName, string File, IReadOnlyList<long> Shape, string Format);

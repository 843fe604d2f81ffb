using System.IO.Hashing;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Configuration;
using GemmaSharp.Conversion;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp;

/// <summary>Writes a checkpoint in another form: layout, quantisation, type, towers, shards, MatFormer slice.</summary>
/// <remarks>
/// One tensor at a time, in pieces of a few megabytes, whatever the size of the checkpoint; only the scales of one matrix are held at once. The result is
/// written under another name, read again, and gets its name when every byte was found as written. Quantising again or dequantising loses nothing beyond
/// what the formats say; a change of layout is exact both ways. Thread-safe.
/// </remarks>
public static class CheckpointConverter
{
    /// <summary>Converts a checkpoint.</summary>
    /// <param name="source">Its folder or GGUF file.</param>
    /// <param name="destination">A new or empty folder; any folder with <see cref="ConversionOptions.Force"/>.</param>
    /// <param name="options">What to change.</param>
    /// <param name="progress">Told after every piece.</param>
    /// <param name="cancellationToken">Stops the conversion; nothing is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ConversionException">The options do not fit the checkpoint, the destination is in use, or reading or writing failed.</exception>
    /// <exception cref="CheckpointException">The source does not fit its own configuration; the report says where.</exception>
    /// <exception cref="AdapterException">An adapter to merge cannot be used with this checkpoint; its report says why.</exception>
    /// <exception cref="SliceException">The model has no such slice.</exception>
    /// <exception cref="ConfigurationException">The source's configuration is of another model, or impossible.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ConversionResult Convert(
        string source, string destination, ConversionOptions options, IProgress<ConversionProgress>? progress = null,
            CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        using Checkpoint checkpoint = OpenLoadable(source);
        LoraMerge? merge = options.MergeAdapters.Count == 0 ? null
            : new LoraMerge(options.MergeAdapters.Select(adapter => new WeightedAdapter(LoraAdapter.Load(adapter.Folder, checkpoint), adapter.Weight)));
        ConversionPlan plan = new(checkpoint, options, merge);
        using ConversionFolder folder = ConversionFolder.Create(source, destination, options.Force);
        TensorDeclaration[] tensors = [.. plan.Tensors.SelectMany(planned => planned.Declarations)];
        long bytes = tensors.Sum(tensor => tensor.Length);
        CheckSpace(folder.Path, bytes);
        IReadOnlyList<string> files = Write(
            plan, merge, tensors, folder.Path, options, 2 * bytes, progress, cancellationToken, out Dictionary<string, UInt128> hashes);
        File.WriteAllBytes(Path.Combine(folder.Path, Gemma3nConfig.FileName), ConvertedConfig.Make(checkpoint, plan, options));
        if (checkpoint.Gguf is null)
        {
            CompanionFiles.Copy(source, folder.Path);
        }
        else
        {
            GgufConversion.WriteCompanions(checkpoint, folder.Path);
        }

        Verify(folder.Path, files, hashes, bytes, progress, cancellationToken);
        RequireLoadable(folder.Path);
        folder.Publish();

        return Describe(plan, destination, files);
    }

    /// <summary>What a plan wrote.</summary>
    internal static ConversionResult Describe(ConversionPlan plan, string destination, IReadOnlyList<string> files)
    {
        PlannedMatrix[] matrices = [.. plan.Matrices];
        double weights = matrices.Sum(matrix => (double)matrix.RowCount * matrix.ColumnCount);
        double matrixBits = 8.0 * matrices.Sum(matrix => matrix.Declarations.Sum(tensor => tensor.Length));
        TensorDeclaration[] tensors = [.. plan.Tensors.SelectMany(planned => planned.Declarations)];
        return new ConversionResult(
            destination, files, tensors.Length, tensors.Sum(tensor => tensor.Length), matrices.Count(matrix => matrix.Format is not null),
            weights == 0 ? 0 : matrixBits / weights, plan.Notes);
    }

    /// <summary>Writes a checkpoint as a GGUF file, and its towers as <c>mmproj-NAME</c> beside it.</summary>
    /// <param name="source">A folder or GGUF file.</param>
    /// <param name="destination">The file: <c>NAME.gguf</c>.</param>
    /// <param name="options">How it is written.</param>
    /// <param name="progress">Told after every piece; the bytes of the towers are counted when the text is written.</param>
    /// <param name="cancellationToken">Stops it; the file that is being written is not left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ConversionException">A file is there already, the options do not fit, or the result would not load.</exception>
    /// <exception cref="CheckpointException">The source does not fit its own configuration; the report says where.</exception>
    /// <exception cref="ConfigurationException">The source's configuration is of another model, or impossible.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ConversionResult ConvertToGguf(
        string source, string destination, GgufConversionOptions options, IProgress<ConversionProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        ArgumentNullException.ThrowIfNull(options);
        return GgufConversion.Write(source, destination, options, progress, cancellationToken);
    }

    internal static void Check(ConversionOptions options)
    {
        if (options.Type is { } type && !ParameterReader.IsMatrixType(type))
        {
            throw new ConversionException($"Weights cannot be stored as {type}; use BF16, F16 or F32.");
        }

        if (options.Dequantize && options.Quantize is not null)
        {
            throw new ConversionException(
                "Both quantising and dequantising were asked for; choose one (quantising again works from the dequantised weights by itself).");
        }

        if (options.ShardBytes < 1)
        {
            throw new ConversionException($"Files of {options.ShardBytes} bytes were asked for; at least 1 is needed.");
        }

        if (options.Threads is < 1 or > WorkerTeam.MaxThreads)
        {
            throw new ConversionException($"{options.Threads} threads were asked for; use 1 to {WorkerTeam.MaxThreads}.");
        }
    }

    static void CheckSpace(string folder, long bytes)
    {
        long free;
        try
        {
            free = new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // Some file systems do not say; then the writer finds out.
            return;
        }

        if (free < bytes)
        {
            throw new ConversionException($"The result has {bytes} bytes and {free} are free; free some space or choose another disk.");
        }
    }

    static IReadOnlyList<string> Write(
        ConversionPlan plan, LoraMerge? merge, TensorDeclaration[] tensors, string folder, ConversionOptions options, long totalBytes,
        IProgress<ConversionProgress>? progress, CancellationToken cancellationToken, out Dictionary<string, UInt128> hashes)
    {
        string format = plan.Layout == CheckpointLayout.HuggingFace ? "pt" : "mlx";
        using WorkerTeam team = new(options.Threads ?? Math.Min(Environment.ProcessorCount, WorkerTeam.MaxThreads));
        using TensorReader reader = new();
        using ShardedSafetensorsWriter writer = ShardedSafetensorsWriter.Create(
            folder, tensors, new Dictionary<string, string> { ["format"] = format }, options.ShardBytes);
        TensorSink sink = new(writer, totalBytes, progress, cancellationToken);
        ConversionWork work = new(team, options.Rounding, merge);
        foreach (IPlannedTensor planned in plan.Tensors)
        {
            planned.Write(reader, sink, work);
        }

        sink.Close();
        writer.Finish();
        hashes = sink.Hashes;
        return writer.Files;
    }

    /// <summary>Opens a checkpoint's headers and lets every module ask for its tensors.</summary>
    internal static Checkpoint OpenLoadable(string folder)
    {
        Checkpoint checkpoint = Checkpoint.Open(folder, new CheckpointOptions { HeadersOnly = true });
        try
        {
            ModelParts.Build(checkpoint.Root, checkpoint.Config);
            LoadReport report = checkpoint.Report();
            return report.HasErrors ? throw new CheckpointException(report) : checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The result must load: what does not would be a fault of the conversion.</summary>
    internal static void RequireLoadable(string folder)
    {
        try
        {
            OpenLoadable(folder).Dispose();
        }
        catch (Exception e) when (e is CheckpointException or ConfigurationException)
        {
            throw new ConversionException(
                $"The result would not load ({e.Message.TrimEnd('.')}); nothing was written, please report this with the options used.", e);
        }
    }

    /// <summary>Reads everything again and compares it with what was written.</summary>
    internal static void Verify(
        string folder, IReadOnlyList<string> files, Dictionary<string, UInt128> hashes, long bytesWritten, IProgress<ConversionProgress>? progress,
            CancellationToken cancellationToken)
    {
        XxHash128 hash = new();
        using TensorReader reader = new();
        byte[] piece = new byte[ConversionWork.PieceBytes];
        long done = bytesWritten;
        int found = 0;
        foreach (string name in files)
        {
            using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, name));
            foreach (TensorEntry entry in file.Entries)
            {
                StoredTensor tensor = new(file, entry, entry.Name);
                for (long at = 0; at < entry.Length; at += piece.Length)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Span<byte> bytes = piece.AsSpan(0, (int)Math.Min(piece.Length, entry.Length - at));
                    reader.Read(tensor, at, bytes);
                    hash.Append(bytes);
                    done += bytes.Length;
                    progress?.Report(new ConversionProgress(entry.Name, Verifying: true, done, 2 * bytesWritten));
                }

                if (!hashes.TryGetValue(entry.Name, out UInt128 written) || hash.GetCurrentHashAsUInt128() != written)
                {
                    throw new ConversionException(
                        $"Tensor {entry.Name} was read back from {name} otherwise than it was written; check the disk and convert again.");
                }

                hash.Reset();
                found++;
            }
        }

        if (found != hashes.Count)
        {
            throw new ConversionException($"{hashes.Count} tensors were written and {found} found again; check the disk and convert again.");
        }
    }
}

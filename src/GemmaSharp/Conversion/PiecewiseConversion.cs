using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Files;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Conversion;

/// <summary>
/// A conversion file by file: planned from the headers of all source files, and then made in parts, for each of which only the source files have to be whole
/// that it reads. So a checkpoint can be converted while it arrives, and its files be removed as it goes.
/// </summary>
/// <remarks>
/// A part has the tensors whose last source is its file; where sources of one tensor lie in several files, all of them are read. Every part is read again and
/// compared before it has its name. The result is what <see cref="CheckpointConverter.Convert"/> writes, but for which tensors share a file. Not thread-safe.
/// </remarks>
sealed class PiecewiseConversion : IDisposable
{
    readonly string _source;
    readonly ConversionOptions _options;
    readonly Checkpoint _checkpoint;
    readonly ConversionPlan _plan;
    readonly List<(IPlannedTensor[] Tensors, string[] Sources)> _parts;

    /// <summary>Plans it.</summary>
    /// <param name="source">A folder with settings, and weight files of which the headers are there.</param>
    /// <param name="options">What to change; adapters cannot be merged so.</param>
    /// <exception cref="ConversionException">The options do not fit the checkpoint.</exception>
    /// <exception cref="CheckpointException">The source does not fit its own configuration.</exception>
    /// <exception cref="ConfigurationException">The source's configuration is of another model, or impossible.</exception>
    public PiecewiseConversion(string source, ConversionOptions options)
    {
        CheckpointConverter.Check(options);
        if (options.MergeAdapters.Count > 0)
        {
            throw new ConversionException("Adapters cannot be merged while a checkpoint arrives; convert it once more afterwards.");
        }

        (_source, _options) = (source, options);
        _checkpoint = CheckpointConverter.OpenLoadable(source);
        try
        {
            _plan = new ConversionPlan(_checkpoint, options);
        }
        catch
        {
            _checkpoint.Dispose();
            throw;
        }

        string[] files = [.. _checkpoint.Files.Select(file => file.Name)];
        _parts = [.. _plan.Tensors.GroupBy(planned => planned.Sources.Select(tensor => Array.IndexOf(files, tensor.File.Name)).DefaultIfEmpty(0).Max())
            .OrderBy(part => part.Key)
            .Select(part => (part.ToArray(), part.SelectMany(planned => planned.Sources).Select(tensor => tensor.File.Name).Distinct().ToArray()))];
    }

    /// <summary>How many files the result has.</summary>
    public int Count => _parts.Count;

    /// <summary>The source files that a part reads.</summary>
    public IReadOnlyList<string> Sources(int part) => _parts[part].Sources;

    /// <summary>Bytes of a part's tensors.</summary>
    public long Bytes(int part) => _parts[part].Tensors.Sum(planned => planned.Declarations.Sum(tensor => tensor.Length));

    /// <summary>The name of a part's file.</summary>
    public string FileName(int part) =>
        Count == 1 ? "model.safetensors" : FormattableString.Invariant($"model-{part + 1:00000}-of-{Count:00000}.safetensors");

    /// <summary>Makes a part, compares it with what was written, and gives it its name.</summary>
    /// <param name="part">Which.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="progress">Told after every piece.</param>
    /// <param name="cancellationToken">Stops it; the part is not there then.</param>
    /// <exception cref="ConversionException">Reading or writing failed.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    public void Write(int part, string folder, IProgress<ConversionProgress>? progress, CancellationToken cancellationToken)
    {
        string aside = Path.Combine(folder, "part" + AtomicFile.Ending);
        Remove(aside);
        Directory.CreateDirectory(aside);
        try
        {
            IPlannedTensor[] tensors = _parts[part].Tensors;
            string format = _plan.Layout == CheckpointLayout.HuggingFace ? "pt" : "mlx";
            using (WorkerTeam team = new(_options.Threads ?? Math.Min(Environment.ProcessorCount, WorkerTeam.MaxThreads)))
            using (TensorReader reader = new())
            using (ShardedSafetensorsWriter writer = ShardedSafetensorsWriter.Create(
                aside, [.. tensors.SelectMany(planned => planned.Declarations)], new Dictionary<string, string> { ["format"] = format }, long.MaxValue))
            {
                TensorSink sink = new(writer, 2 * Bytes(part), progress, cancellationToken);
                ConversionWork work = new(team, _options.Rounding, null);
                foreach (IPlannedTensor planned in tensors)
                {
                    planned.Write(reader, sink, work);
                }

                sink.Close();
                writer.Finish();
                CheckpointConverter.Verify(aside, writer.Files, sink.Hashes, Bytes(part), progress, cancellationToken);
                File.Move(Path.Combine(aside, writer.Files[0]), Path.Combine(folder, FileName(part)), overwrite: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConversionException($"{folder} cannot be written to ({e.Message.TrimEnd('.')}); free some space or check permissions.", e);
        }
        finally
        {
            Remove(aside);
        }
    }

    /// <summary>Writes what stands beside the weights, when all parts are there.</summary>
    /// <param name="folder">The folder of the parts.</param>
    /// <param name="destination">What it will be called.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ConversionException">A file cannot be written, or the result would not load.</exception>
    public ConversionResult Finish(string folder, string destination)
    {
        string[] files = [.. Enumerable.Range(0, Count).Select(FileName)];
        try
        {
            File.WriteAllBytes(Path.Combine(folder, Gemma3nConfig.FileName), ConvertedConfig.Make(_checkpoint, _plan, _options));
            if (Count > 1)
            {
                File.WriteAllBytes(
                    Path.Combine(folder, CheckpointFiles.IndexName), ShardedSafetensorsWriter.Index(_parts.Select((part, i) => (
                        files[i], part.Tensors.SelectMany(planned => planned.Declarations).Select(tensor => (tensor.Name, tensor.Length))))));
            }

            foreach (string companion in Directory.EnumerateFiles(_source))
            {
                // A try that was broken off may have copied it already.
                string copy = Path.Combine(folder, Path.GetFileName(companion));
                if (Path.GetFileName(copy) is not (Gemma3nConfig.FileName or CheckpointFiles.IndexName) && !files.Contains(Path.GetFileName(copy)))
                {
                    File.Delete(copy);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConversionException($"{folder} cannot be written to ({e.Message.TrimEnd('.')}); free some space or check permissions.", e);
        }

        CompanionFiles.Copy(_source, folder);
        CheckpointConverter.RequireLoadable(folder);
        return CheckpointConverter.Describe(_plan, destination, files);
    }

    /// <summary>Closes the source.</summary>
    public void Dispose() => _checkpoint.Dispose();

    static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

using System.Text;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Configuration;
using GemmaSharp.Conversion.Gguf;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Prompting.Chat;
using GemmaSharp.Prompting.Tokenization;

namespace GemmaSharp;

/// <summary>GGUF files from checkpoints, and what a checkpoint needs beside its weights from a GGUF file.</summary>
static class GgufConversion
{
    /// <summary>Writes a checkpoint as a GGUF file, and its towers as <c>mmproj-</c> beside it.</summary>
    /// <param name="source">A checkpoint in any form.</param>
    /// <param name="destination">The file.</param>
    /// <param name="options">How it is written.</param>
    /// <param name="progress">Told after every piece.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ConversionException">A file is there already, another conversion writes there, options do not fit, or the result would not
    /// load.</exception>
    /// <exception cref="CheckpointException">The source does not fit its own configuration.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ConversionResult Write(
        string source, string destination, GgufConversionOptions options, IProgress<ConversionProgress>? progress, CancellationToken cancellationToken)
    {
        if (options.PartBytes < 1)
        {
            throw new ConversionException($"Files of {options.PartBytes} bytes were asked for; at least 1 is needed.");
        }

        if (options.Threads is < 1 or > WorkerTeam.MaxThreads)
        {
            throw new ConversionException($"{options.Threads} threads were asked for; use 1 to {WorkerTeam.MaxThreads}.");
        }

        using GgufPlace place = GgufPlace.Create(source, destination, options.Force);
        using var team = new WorkerTeam(options.Threads ?? Environment.ProcessorCount);
        var work = new GgufWork(options, team, progress, cancellationToken);
        Tokenizer tokenizer;
        string? template;
        int rows;
        using (Checkpoint checkpoint = Checkpoint.Open(source, new CheckpointOptions { HeadersOnly = true }))
        {
            RequireLoadable(checkpoint);
            tokenizer = checkpoint.LoadTokenizer();
            template = Template(checkpoint);
            rows = checkpoint.Config.TextConfig.VocabSize;
        }

        IReadOnlyList<string> files;
        ConversionResult description;
        try
        {
            files = GgufExport.WriteText(source, place.Text, work, writer => GgufTokenizer.Add(writer, tokenizer, rows, template));
            if (options.Towers && GgufExport.WriteProjector(source, place.Projector, work))
            {
                files = [.. files, place.Projector];
            }

            // Closed again before its files move.
            using Checkpoint result = Checkpoint.Open(files[0], new CheckpointOptions { HeadersOnly = true });
            RequireLoadable(result);
            description = Describe(result, Path.GetDirectoryName(Path.GetFullPath(destination))!);
        }
        catch (CheckpointWriteException e) when (e.InnerException is not null)
        {
            // Of the place the user knows nothing.
            throw new CheckpointWriteException(destination, e.InnerException);
        }

        place.Publish(files);
        return description;
    }

    /// <summary>Writes tokenizer, template and settings of a GGUF file as the files that a checkpoint has in their place.</summary>
    /// <param name="checkpoint">The GGUF file.</param>
    /// <param name="folder">Where to.</param>
    /// <exception cref="ConversionException">A file cannot be written.</exception>
    public static void WriteCompanions(Checkpoint checkpoint, string folder)
    {
        GgufFile file = checkpoint.Gguf!.First;
        Tokenizer tokenizer = checkpoint.LoadTokenizer();
        try
        {
            using (FileStream stream = File.Create(Path.Combine(folder, "tokenizer.json")))
            {
                TokenizerJson.Write(stream, tokenizer);
            }

            if (Template(checkpoint) is string template)
            {
                File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), template, new UTF8Encoding(false));
            }

            foreach (string name in (ReadOnlySpan<string>)[GenerationDefaults.FileName, ProcessorConfig.New, ProcessorConfig.Old])
            {
                if (GgufConfig.Settings(file, name) is JsonObject settings)
                {
                    File.WriteAllText(Path.Combine(folder, name), settings.ToJsonString(), new UTF8Encoding(false));
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConversionException(
                $"The files beside the weights cannot be written ({e.Message.TrimEnd('.')}); free some space or check permissions.", e);
        }
    }

    static ConversionResult Describe(Checkpoint result, string folder)
    {
        ParameterRequest[] matrices = [.. result.Requests.Where(request => request.ModuleType is "Linear" or "Embedding")];
        double weights = matrices.Sum(matrix => (double)matrix.Shape[0] * matrix.Shape[1]);
        return new ConversionResult(
            folder, [.. result.Files.Select(file => file.Name)], result.Tensors.Count, result.Tensors.Sum(tensor => tensor.Entry.Length),
            matrices.Count(matrix => matrix.Stored?.Blocks is not null), weights == 0 ? 0 : 8.0 * matrices.Sum(matrix => matrix.Bytes) / weights, []);
    }

    static string? Template(Checkpoint checkpoint) =>
        checkpoint.Gguf is GgufModel gguf ? gguf.First.Metadata.Text("tokenizer.chat_template") : ChatTemplateFiles.Read(checkpoint.Folder);

    static void RequireLoadable(Checkpoint checkpoint)
    {
        ModelParts.Build(checkpoint.Root, checkpoint.Config);
        checkpoint.Report().ThrowIfErrors();
    }
}

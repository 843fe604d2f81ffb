using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Media;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Cli.Certification;

/// <summary>Computes what a recording of the reference has, and compares all of it.</summary>
/// <param name="recording">The recording.</param>
/// <param name="folder">The checkpoint.</param>
/// <param name="tolerance">The largest relative difference that counts as agreement.</param>
sealed class Certification(ReferenceRecording recording, string folder, double tolerance)
{
    /// <summary>The checkpoint's files as the recording names them, with the checksums that they have here.</summary>
    /// <param name="otherFiles">Whether they may be others, as of a converted checkpoint.</param>
    /// <param name="progress">Told what is read, and the share of it.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <returns>The files, and whether they are the reference's.</returns>
    /// <exception cref="CliException">A file is missing or another, and that is not allowed.</exception>
    public (IReadOnlyList<RecordedFile> Files, bool Same) CheckFiles(
        bool otherFiles, IProgress<(string Now, double Share)>? progress, CancellationToken cancellationToken)
    {
        var found = new List<RecordedFile>();
        string? fault = null;
        string root = File.Exists(folder) ? Path.GetDirectoryName(Path.GetFullPath(folder))! : folder;
        foreach (RecordedFile file in recording.Files)
        {
            string path = Path.Combine(root, file.Name);
            if (Path.GetFileName(file.Name) != file.Name || !File.Exists(path))
            {
                fault ??= $"the checkpoint has no file {file.Name}";
                continue;
            }

            using FileStream stream = File.OpenRead(path);
            string hash = Hash(stream, share => progress?.Report(($"Reading {file.Name}", share)), cancellationToken);
            found.Add(new RecordedFile(file.Name, stream.Length, hash));
            if (hash != file.Sha256)
            {
                fault ??= $"{file.Name} has SHA-256 {hash} and the reference read one with {file.Sha256}";
            }
        }

        return fault is null || otherFiles
            ? (found, fault is null)
            : throw CliException.Input(
                $"The recording {recording.Path} is of another checkpoint: {fault}. Record the reference with this one, or allow other files (--other-files), "
                    + "as for a converted checkpoint.");
    }

    /// <summary>Computes and compares a conversation.</summary>
    /// <param name="model">The checkpoint, with the reference's arithmetic.</param>
    /// <param name="recorded">The conversation.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ChatMessageException">The conversation cannot be read.</exception>
    /// <exception cref="MediaException">A picture or a sound of it cannot be read.</exception>
    /// <exception cref="CliException">The trace is no safetensors file.</exception>
    public async Task<CertifiedCase> RunAsync(GemmaModel model, RecordedCase recorded, CancellationToken cancellationToken)
    {
        RequireUnchanged(recorded);
        using var media = new MessageMedia(MediaOptions.Default with { Alpha = AlphaMode.Reference }, null, VideoOptions.Default, _ => { });
        IReadOnlyList<ChatMessage> messages = await media.ReadAsync(ConversationFile.Read(recorded.Messages), cancellationToken).ConfigureAwait(false);
        ModelSenses.Require(model, messages);
        string path = Path.Combine(Path.GetTempPath(), $"gemma-certify-{Guid.NewGuid():N}.safetensors");
        try
        {
            EncodedPrompt prompt;
            using (var trace = new TraceFile(path))
            {
                prompt = await model.EncodeForAnswerAsync(messages, trace, null, cancellationToken).ConfigureAwait(false);
                await model.TraceAsync(prompt, trace, cancellationToken).ConfigureAwait(false);
                trace.Finish();
            }

            TraceComparison comparison = Compare(path, recorded.Trace);
            TensorDifference? worst = comparison.Tensors.Count == 0 ? null : comparison.Tensors.MaxBy(tensor => tensor.Relative);
            bool sameIds = prompt.Ids.SequenceEqual(recorded.TokenIds);
            (int equal, bool tie) = sameIds ? await GreedyAsync(model, prompt, recorded, cancellationToken).ConfigureAwait(false) : (0, false);
            return new CertifiedCase(
                recorded.Name, sameIds, comparison.Tensors.Count, comparison.OnlyInB, comparison.Tensors.Count(tensor => !tensor.Agrees),
                comparison.First?.Name, worst?.Name, worst?.Relative ?? double.PositiveInfinity, recorded.Greedy.Length, equal, tie);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>What computed here, for the certificate.</summary>
    public static IReadOnlyList<(string Name, string Value)> Program(GemmaModel model) =>
    [
        ("gemma", typeof(Certification).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown"),
        ("runtime", RuntimeInformation.FrameworkDescription),
        ("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}"),
        ("instructions", MachineProbe.InstructionSet),
        ("threads", Output.Show.Text($"{model.Threads}")),
        ("products", "exact"),
    ];

    /// <summary>The SHA-256 of a file.</summary>
    public static string Hash(Stream stream, Action<double>? progress = null, CancellationToken cancellationToken = default)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 20];
        long done = 0;
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
            done += read;
            progress?.Invoke(done / (double)stream.Length);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The certificate names the recording by its list of files, so these have to be the listed ones.</summary>
    void RequireUnchanged(RecordedCase recorded)
    {
        string found;
        try
        {
            using FileStream stream = File.OpenRead(recorded.Trace);
            found = Hash(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Input($"{recorded.Trace} cannot be read ({e.Message.TrimEnd('.')}); record the reference anew.", e);
        }

        if (found != recorded.TraceSha256)
        {
            throw CliException.Input(
                $"{recorded.Trace} has SHA-256 {found} and {recording.Path} lists it with {recorded.TraceSha256}; record the reference anew.");
        }
    }

    TraceComparison Compare(string ours, string reference)
    {
        try
        {
            return TraceComparison.Compare(ours, reference, tolerance);
        }
        catch (SafetensorsException e)
        {
            throw CliException.Input($"{e.Message.TrimEnd('.')}; record the reference anew with scripts/record-reference.py.", e);
        }
    }

    /// <summary>How many greedy tokens are the reference's, from the first on, and whether the first other one is a tie of its own.</summary>
    async Task<(int Equal, bool Tie)> GreedyAsync(GemmaModel model, EncodedPrompt prompt, RecordedCase recorded, CancellationToken cancellationToken)
    {
        int equal = 0;
        using GemmaSession session = model.NewSession();
        var options = new GenerationOptions { Temperature = 0, MaxTokens = Math.Max(1, recorded.Greedy.Length), IgnoreEos = true };
        await foreach (GeneratedToken token in session.GenerateAsync(prompt, options, cancellationToken).ConfigureAwait(false))
        {
            if (equal == recorded.Greedy.Length || token.Id != recorded.Greedy[equal])
            {
                break;
            }

            equal++;
        }

        // Both logits may be off by the tolerance.
        return (equal, equal < recorded.Greedy.Length && recorded.GreedyGaps[equal] <= 2 * tolerance);
    }
}

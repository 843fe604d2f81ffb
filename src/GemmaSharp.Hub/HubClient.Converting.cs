using System.Net.Http.Headers;
using GemmaSharp.Conversion;
using GemmaSharp.Files;
using GemmaSharp.Hub.Cache;
using GemmaSharp.Hub.Download;
using GemmaSharp.Hub.Protocol;

namespace GemmaSharp.Hub;

/// <summary>Converting while pulling.</summary>
public sealed partial class HubClient
{
    /// <summary>
    /// Downloads a checkpoint and converts it on the way: each weight file is checked, converted, and removed before the next one arrives, so that the disk
    /// holds the result and one file of the source at most.
    /// </summary>
    /// <param name="reference">A repository of safetensors files.</param>
    /// <param name="destination">A new or empty folder for the result, which has one file for each of the source.</param>
    /// <param name="conversion">What to change.</param>
    /// <param name="progress">Told a few times a second how far it is, on any thread; null for nobody.</param>
    /// <param name="cancellationToken">Ends it; what has been converted, and what has arrived of the next file, is gone on from the next time.</param>
    /// <returns>What was written.</returns>
    /// <remarks>
    /// Unfinished work lies in <c>DESTINATION.pulling</c>. Files that the cache has are read there and not downloaded; the cache is not changed.
    /// </remarks>
    /// <exception cref="HubException">The hub cannot be reached or refuses, has no such files, sends others than it names, or the disk is full.</exception>
    /// <exception cref="ConversionException">The destination is in use, or the options do not fit the checkpoint.</exception>
    /// <exception cref="CheckpointException">The files do not fit their configuration.</exception>
    public async Task<ConversionResult> PullConvertedAsync(
        HubReference reference, string destination, ConversionOptions conversion, IProgress<PullProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        ArgumentNullException.ThrowIfNull(conversion);
        HubConnection connection = RequireConnection(reference);
        if (reference.Variant is not null)
        {
            throw new ConversionException($"{reference} names a form of GGUF, which is not converted on the way; leave out what stands behind the colon.");
        }

        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(destination));
        RequireNew(target, destination);
        PullPlan plan = await PlanAsync(reference, null, progress, cancellationToken).ConfigureAwait(false);
        try
        {
            var staging = new ConvertingFolder(target);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using FileLock held = await FileLock.TakeAsync(staging.Lock, _options.Machine, () => progress?.Report(new PullProgress(
                PullPhase.Waiting, 0, 0, 0, null, [], $"another process is writing to {destination}", null)), cancellationToken).ConfigureAwait(false);
            if (IsTaken(target))
            {
                held.Remove();
                RequireNew(target, destination);
            }

            staging.Begin(Fingerprint(plan, conversion));
            ConversionResult result = await ConvertAsync(connection, plan, staging, destination, conversion, progress, cancellationToken).ConfigureAwait(false);
            staging.Publish(target);
            held.Remove();
            return result;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Of(Path.GetDirectoryName(target)!, e);
        }
    }

    static bool IsTaken(string target) => File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any());

    static void RequireNew(string target, string destination)
    {
        if (IsTaken(target))
        {
            throw new ConversionException($"{destination} is there already and not empty; give the name of a new folder.");
        }
    }

    async Task<ConversionResult> ConvertAsync(
        HubConnection connection, PullPlan plan, ConvertingFolder staging, string destination, ConversionOptions conversion,
        IProgress<PullProgress>? progress, CancellationToken cancellationToken)
    {
        HubFile[] weights = [.. plan.Files.Select(file => file.File).Where(file => IsWeights(file) && !file.Path.Contains('/', StringComparison.Ordinal))];
        var cached = new SnapshotWriter(new RepositoryFolder(Cache.Folder, plan.Reference.Id), plan.Commit, links: true, _options.Machine);
        var store = new RepositoryFolder(staging.Store, plan.Reference.Id);
        Directory.CreateDirectory(store.Blobs);
        Directory.CreateDirectory(store.Locks);
        var api = new HubApi(connection, null);
        using var slots = new SemaphoreSlim(_options.MaxConnections);

        // What is converted, and what lies in the cache, is not downloaded.
        PullPlan left = plan with
        {
            Files = [.. plan.Files.Select(file => file with
            {
                IsPresent = file.IsPresent || (IsWeights(file.File) && (staging.IsDone(file.File.Path) || staging.IsWhole(file.File))),
            })],
        };
        var watch = new PullWatch(left, progress);
        foreach (HubFile file in plan.Files.Select(file => file.File).Where(file => !IsWeights(file)))
        {
            string place = staging.Source(file.Path);
            if (SnapshotWriter.Length(place) != file.Size)
            {
                await BringAsync(file).ConfigureAwait(false);
                Directory.CreateDirectory(Path.GetDirectoryName(place)!);

                // Beside it first: a kill must not leave half a file under the name.
                string beside = place + AtomicFile.Ending;
                File.Copy(cached.Existing(file) ?? store.Blob(file.ETag), beside, overwrite: true);
                File.Move(beside, place, overwrite: true);
            }
        }

        foreach (HubFile file in weights)
        {
            if (!staging.HasHeader(file))
            {
                staging.WriteHeader(file, cached.Existing(file) is string whole ? ReadHeader(whole)
                    : await HeaderAsync(connection, plan.Reference, api.FileAddress(plan.Reference, plan.Commit, file.Path), file, watch, cancellationToken)
                        .ConfigureAwait(false));
            }
        }

        using var work = new PiecewiseConversion(staging.SourceFolder, conversion);
        RequireRoom(plan.Reference, work, weights, staging, cached, store);
        for (int part = 0; part < work.Count; part++)
        {
            HubFile[] sources = [.. work.Sources(part).Select(source => weights.Single(file => file.Path == source))];
            if (File.Exists(Path.Combine(staging.Result, work.FileName(part))))
            {
                // A kill may have come between the part's name and this.
                Shrink(part, sources);
                continue;
            }

            foreach (HubFile file in sources)
            {
                if (!staging.IsWhole(file))
                {
                    await BringAsync(file).ConfigureAwait(false);
                    staging.Accept(file, cached.Existing(file), store.Blob(file.ETag));
                }
            }

            long done = left.Files.Where(file => file.IsPresent).Sum(file => file.File.Size) + watch.Received;
            var told = new Progress(share => progress?.Report(new PullProgress(
                PullPhase.Converting, plan.TotalBytes, Math.Min(done, plan.TotalBytes), 0, null,
                [.. sources.Select(file => new FileProgress(file, (long)(file.Size * share), false))], null, null)));
            int now = part;
            await Task.Run(() => work.Write(now, staging.Result, told, cancellationToken), cancellationToken).ConfigureAwait(false);
            Shrink(part, sources);
        }

        ConversionResult result = work.Finish(staging.Result, destination);
        watch.Finish();
        return result;

        // Gives back the room of files that no later part reads.
        void Shrink(int part, HubFile[] sources)
        {
            int[] later = [.. Enumerable.Range(part + 1, work.Count - part - 1)];
            foreach (HubFile file in sources.Where(file => staging.IsWhole(file) && !later.Any(other => work.Sources(other).Contains(file.Path))))
            {
                staging.Shrink(file);
            }
        }

        async Task BringAsync(HubFile file)
        {
            if (cached.Existing(file) is not null)
            {
                return;
            }

            var download = new BlobDownload(
                connection, store, plan.Reference, api.FileAddress(plan.Reference, plan.Commit, file.Path), file, _options, slots, watch);
            await download.RunAsync(false, () => SnapshotWriter.Length(store.Blob(file.ETag)) == file.Size, () => { }, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The room that is needed at most: what is still to be written, and the largest file that has to arrive.</summary>
    void RequireRoom(HubReference reference, PiecewiseConversion work, HubFile[] weights, ConvertingFolder staging, SnapshotWriter cached,
        RepositoryFolder store)
    {
        int[] open = [.. Enumerable.Range(0, work.Count).Where(part => !File.Exists(Path.Combine(staging.Result, work.FileName(part))))];
        long results = open.Sum(work.Bytes);
        long largest = open.Select(part => work.Sources(part).Select(name => weights.Single(file => file.Path == name))
            .Where(file => !staging.IsWhole(file) && cached.Existing(file) is null)
            .Sum(file => file.Size - (File.Exists(store.Partial(file.ETag)) ? Journal.DoneOf(store.Journal(file.ETag), file) : 0))).DefaultIfEmpty(0).Max();
        long needed = results + largest, free = needed > 0 ? _options.Machine.FreeBytes(staging.SourceFolder) : 0;
        if (needed > 0 && free < needed + _options.Machine.SpareBytes)
        {
            throw new HubException(HubFailure.DiskFull, FormattableString.Invariant(
                $"Converting {reference} on the way needs {needed / GiB:0.00} GiB at most and {_options.Machine.SpareBytes / GiB:0.0} GiB to spare, and the ")
                + FormattableString.Invariant($"disk of {staging.SourceFolder} has {free / GiB:0.00} GiB free; free some space, or give a folder on another ")
                + "disk.");
        }
    }

    static async Task<byte[]> HeaderAsync(
        HubConnection connection, HubReference reference, Uri address, HubFile file, IDownloadWatch watch, CancellationToken cancellationToken)
    {
        byte[] length = await FirstAsync(sizeof(long)).ConfigureAwait(false);
        return await FirstAsync(HeaderBytes(length, file)).ConfigureAwait(false);

        async Task<byte[]> FirstAsync(int count) => await new Attempts(connection, file.Path, watch.Waiting).RunAsync(async () =>
        {
            (HttpResponseMessage response, Uri from) =
                await connection.GetAsync(address, new RangeHeaderValue(0, count - 1), cancellationToken).ConfigureAwait(false);
            using (response)
            {
                if ((int)response.StatusCode is not (200 or 206))
                {
                    throw connection.IsOwn(from) ? HubErrors.Of(connection, reference, file.Path, response)
                        : new TransientException(FormattableString.Invariant($"HTTP {(int)response.StatusCode} from {from.Authority}"));
                }

                // Who knows no ranges sends the whole, of which the beginning is read.
                Stream body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
                await using (body.ConfigureAwait(false))
                {
                    byte[] bytes = new byte[count];
                    for (int filled = 0; filled < count;)
                    {
                        int read = await connection.ReadAsync(body, bytes.AsMemory(filled), cancellationToken).ConfigureAwait(false);
                        filled += read > 0 ? read : throw new TransientException("an answer that ends early");
                    }

                    return bytes;
                }
            }
        }, cancellationToken).ConfigureAwait(false);
    }

    static byte[] ReadHeader(string path)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] length = new byte[sizeof(long)];
        stream.ReadExactly(length);
        byte[] header = new byte[HeaderBytes(length, new HubFile(Path.GetFileName(path), stream.Length, "", null))];
        stream.Position = 0;
        stream.ReadExactly(header);
        return header;
    }

    /// <summary>Bytes of a safetensors file before its data.</summary>
    static int HeaderBytes(byte[] length, HubFile file)
    {
        const long Most = 100_000_000;
        long bytes = BitConverter.ToInt64(length);
        return bytes is > 0 and <= Most && bytes <= file.Size - sizeof(long)
            ? (int)bytes + sizeof(long)
            : throw new HubException(HubFailure.Corrupt, FormattableString.Invariant(
                $"{file.Path} says that its header has {bytes} bytes of {file.Size}, so it is no safetensors file; choose another repository."));
    }

    static bool IsWeights(HubFile file) => file.Path.EndsWith(".safetensors", StringComparison.Ordinal);

    /// <summary>What unfinished work must have been begun with to be gone on from.</summary>
    static string Fingerprint(PullPlan plan, ConversionOptions options) =>
        $"{plan.Reference.Id}\n{plan.Commit}\n{options with { Threads = null }}\n{string.Join(' ', options.Quantize?.Keep ?? [])}\n{options.Quantize}\n"
            + $"{string.Join(' ', options.Slice?.Widths ?? [])} {string.Join(' ', options.Slice?.Skip ?? [])}";

    sealed class Progress(Action<double> report) : IProgress<ConversionProgress>
    {
        long _last;

        public void Report(ConversionProgress value)
        {
            // A piece has a few megabytes: often enough, and not more.
            if (value.DoneBytes - _last > 16 << 20 || value.DoneBytes == value.TotalBytes)
            {
                _last = value.DoneBytes;
                report(value.TotalBytes == 0 ? 1 : value.DoneBytes / (double)value.TotalBytes);
            }
        }
    }
}

using System.Buffers;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using GemmaSharp.Hub.Cache;
using GemmaSharp.Hub.Protocol;
using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Hub.Download;

/// <summary>Brings one content into the cache: locked against other processes, resumed where it broke off, in parts side by side, checked, and only then
/// named.</summary>
/// <param name="connection">Who is asked.</param>
/// <param name="folder">The repository in the cache.</param>
/// <param name="reference">The repository, for sentences.</param>
/// <param name="address">The file's address at the hub.</param>
/// <param name="file">The file.</param>
/// <param name="options">How many connections.</param>
/// <param name="slots">Connections of all files together.</param>
/// <param name="watch">Who is told.</param>
sealed class BlobDownload(
    HubConnection connection, RepositoryFolder folder, HubReference reference, Uri address, HubFile file, HubOptions options, SemaphoreSlim slots,
    IDownloadWatch watch)
{
    readonly HubMachine _machine = options.Machine;
    readonly Journal _journal = new(folder.Journal(file.ETag), file, options.Machine.JournalInterval);

    // Where the hub last sent us: signed for about an hour, and a way that need not be asked for again at every part.
    Uri? _signed;
    bool _ranges = true;

    /// <summary>Downloads it, or waits until another process has.</summary>
    /// <param name="anew">Whether what lies under its name is damaged and must be replaced.</param>
    /// <param name="isThere">Whether another process has brought it meanwhile.</param>
    /// <param name="name">Gives the content its names in the snapshot; called while the lock is held.</param>
    /// <param name="cancellationToken">Ends it; what has arrived stays for the next time.</param>
    public async Task RunAsync(bool anew, Func<bool> isThere, Action name, CancellationToken cancellationToken)
    {
        using FileLock held = await FileLock.TakeAsync(folder.Lock(file.ETag), _machine, TellBusy, cancellationToken).ConfigureAwait(false);
        if (!anew && isThere())
        {
            watch.Begin(file, file.Size);
            name();
            watch.Completed(file);
            return;
        }

        try
        {
            using (SafeFileHandle partial = await OpenAsync(cancellationToken).ConfigureAwait(false))
            {
                Prepare(partial);
                watch.Begin(file, _journal.Done);
                await FillAsync(partial, cancellationToken).ConfigureAwait(false);
            }

            // Replaces what is damaged, too; who has that open keeps it.
            File.Move(folder.Partial(file.ETag), folder.Blob(file.ETag), overwrite: true);
            File.Delete(folder.Journal(file.ETag));
            name();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Of(folder.Cache, e);
        }

        watch.Completed(file);
    }

    async Task<SafeFileHandle> OpenAsync(CancellationToken cancellationToken)
    {
        for (bool told = false; ; told = true)
        {
            try
            {
                return File.OpenHandle(folder.Partial(file.ETag), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, FileOptions.Asynchronous);
            }
            catch (IOException e) when (FileLock.IsTaken(e))
            {
                if (!told)
                {
                    TellBusy();
                }

                await Task.Delay(_machine.LockInterval, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    void TellBusy() => watch.Waiting($"another process is downloading {file.Path}", TimeSpan.Zero);

    // Room for the whole is taken at once, as far as the file system does that.
    void Prepare(SafeFileHandle partial)
    {
        if (RandomAccess.GetLength(partial) == file.Size && _journal.TryResume())
        {
            return;
        }

        RandomAccess.SetLength(partial, file.Size);
        _journal.Restart(_machine.PartBytes);
    }

    async Task FillAsync(SafeFileHandle partial, CancellationToken cancellationToken)
    {
        bool startedAgain = false, fetchedAgain = false;
        while (true)
        {
            try
            {
                await FetchPartsAsync(partial, cancellationToken).ConfigureAwait(false);
            }
            catch (RangesRefusedException e) when (e.IsShorter ? !startedAgain : _ranges)
            {
                startedAgain |= e.IsShorter;
                _ranges = _ranges && e.IsShorter;
                StartAgain();
                continue;
            }
            catch (RangesRefusedException e)
            {
                throw Corrupt($"the server says that it ends before the {file.Size} bytes that its listing names", e);
            }

            RandomAccess.FlushToDisk(partial);
            watch.Checking(file);
            string found = await BlobHash.OfHandleAsync(partial, file.ETag, null, cancellationToken).ConfigureAwait(false);
            if (found == file.ETag)
            {
                return;
            }

            if (fetchedAgain)
            {
                Discard();
                throw Corrupt($"its {(file.Sha256 is null ? "SHA-1" : "SHA-256")} is {found} and {file.ETag} is needed, twice", null);
            }

            fetchedAgain = true;
            StartAgain();
        }
    }

    void StartAgain()
    {
        watch.Received(file, -_journal.Done);
        _signed = null;

        // A server without ranges gives the whole, so that there is one part.
        _journal.Restart(_ranges ? _machine.PartBytes : file.Size);
    }

    // Nothing of it can be used: the next attempt begins with nothing.
    void Discard()
    {
        watch.Received(file, -_journal.Done);
        File.Delete(folder.Journal(file.ETag));
    }

    HubException Corrupt(string problem, Exception? inner) => new(HubFailure.Corrupt,
        $"{file.Path} of {reference.Id} arrives damaged: {problem}; try again later, or from another HF_ENDPOINT.", inner);

    async Task FetchPartsAsync(SafeFileHandle partial, CancellationToken cancellationToken)
    {
        var open = new Queue<Part>(_journal.Parts.Where(part => part.Done < part.Length));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] workers = [.. Enumerable.Range(0, Math.Min(open.Count, options.MaxConnectionsPerFile)).Select(_ => WorkAsync())];
        try
        {
            await Task.WhenAll(workers).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            SaveLast();
            cancellationToken.ThrowIfCancellationRequested();

            // What ended the others is not their own cancellation.
            Exception[] causes = [.. workers.Where(worker => worker.IsFaulted).Select(worker => worker.Exception!.InnerException!)];
            Exception cause = causes.FirstOrDefault(each => each is HubException) ?? causes.FirstOrDefault() ?? e;
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(cause);
        }

        _journal.Save();

        async Task WorkAsync()
        {
            // Off the caller's thread: opening connections may take its time.
            await Task.Yield();
            while (TryNext(open, out Part? part))
            {
                try
                {
                    await FetchAsync(partial, part, stop.Token).ConfigureAwait(false);
                }
                catch
                {
                    await stop.CancelAsync().ConfigureAwait(false);
                    throw;
                }
            }
        }
    }

    static bool TryNext(Queue<Part> open, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Part? part)
    {
        lock (open)
        {
            return open.TryDequeue(out part);
        }
    }

    // On the way out: a disk that is full must not hide what went wrong.
    void SaveLast()
    {
        try
        {
            _journal.Save();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then the last second of it comes once more.
        }
    }

    async Task FetchAsync(SafeFileHandle partial, Part part, CancellationToken cancellationToken)
    {
        var attempts = new Attempts(connection, file.Path, watch.Waiting);
        while (part.Done < part.Length)
        {
            try
            {
                await slots.WaitAsync(cancellationToken).ConfigureAwait(false);
                try
                {
                    await FetchOnceAsync(partial, part, attempts, cancellationToken).ConfigureAwait(false);
                }
                finally
                {
                    slots.Release();
                }
            }
            catch (TransientException failure)
            {
                await attempts.NextAsync(failure, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    async Task FetchOnceAsync(SafeFileHandle partial, Part part, Attempts attempts, CancellationToken cancellationToken)
    {
        if (!_ranges && part.Done > 0)
        {
            watch.Received(file, -part.Done);
            part.Done = 0;
        }

        long from = part.Start + part.Done;
        bool whole = from == 0 && part.End == file.Size;
        using HttpResponseMessage response = await AskAsync(whole ? null : new RangeHeaderValue(from, part.End - 1), cancellationToken).ConfigureAwait(false);
        string? encoding = response.Content.Headers.ContentEncoding.FirstOrDefault(each => each != "identity");
        RequireRange(response, from, part.End, whole, encoding);
        Stream received = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        Stream body = encoding is null ? received : new GZipStream(received, CompressionMode.Decompress);
        await using (body.ConfigureAwait(false))
        {
            await CopyAsync(body, partial, part, attempts, cancellationToken).ConfigureAwait(false);
        }

        if (part.Done < part.Length)
        {
            throw new TransientException(FormattableString.Invariant($"an answer that ends {part.Length - part.Done} bytes early"));
        }
    }

    void RequireRange(HttpResponseMessage response, long from, long end, bool whole, string? encoding)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.RequestedRangeNotSatisfiable:
                throw new RangesRefusedException(isShorter: true);

            // Compressed on the way, against our word: the whole can be unpacked, a part cannot.
            case HttpStatusCode.OK when !whole:
            case HttpStatusCode.PartialContent when encoding is not null:
                throw new RangesRefusedException(isShorter: false);

            case HttpStatusCode.OK when encoding is not (null or "gzip"):
                throw new TransientException($"an answer compressed as {encoding}, which was not asked for");

            case HttpStatusCode.OK when encoding is null && response.Content.Headers.ContentLength is long length && length != file.Size:
                throw new TransientException(FormattableString.Invariant($"a file of {length} bytes instead of {file.Size}"));

            case HttpStatusCode.PartialContent when whole || response.Content.Headers.ContentRange is not { } range || range.From != from || range.To != end - 1
                || (range.Length is long total && total != file.Size):
                throw new TransientException(FormattableString.Invariant(
                    $"the part \"{response.Content.Headers.ContentRange}\" instead of bytes {from}-{end - 1}/{file.Size}"));
        }
    }

    async Task CopyAsync(Stream body, SafeFileHandle partial, Part part, Attempts attempts, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 18);
        try
        {
            while (part.Done < part.Length)
            {
                int wanted = (int)Math.Min(buffer.Length, part.Length - part.Done);
                int count = await connection.ReadAsync(body, buffer.AsMemory(0, wanted), cancellationToken).ConfigureAwait(false);
                if (count == 0)
                {
                    return;
                }

                try
                {
                    // Not cancelled half-way: what is counted is written.
                    await _machine.Write(partial, buffer.AsMemory(0, count), part.Start + part.Done, CancellationToken.None).ConfigureAwait(false);
                    part.Done += count;
                    _journal.SaveNowAndThen();
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    throw StorageErrors.Of(folder.Cache, e);
                }

                watch.Received(file, count);
                if (part.Done > part.Most)
                {
                    part.Most = part.Done;
                    attempts.Reset();
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    async Task<HttpResponseMessage> AskAsync(RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        Uri? signed = _signed;
        (HttpResponseMessage response, Uri from) = await connection.GetAsync(signed ?? address, range, cancellationToken).ConfigureAwait(false);
        int status = (int)response.StatusCode;
        if (status is 200 or 206 or 416)
        {
            _signed = connection.IsOwn(from) ? null : from;
            return response;
        }

        using (response)
        {
            // What another host refuses is an address whose time is over, or a host that has not got the file yet: the hub names a new one.
            _signed = null;
            throw connection.IsOwn(from)
                ? HubErrors.Of(connection, reference, file.Path, response)
                : new TransientException(FormattableString.Invariant($"HTTP {status} from {from.Authority}"), signed is null ? null : TimeSpan.Zero);
        }
    }
}

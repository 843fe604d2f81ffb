namespace GemmaSharp.Hub.Download;

/// <summary>Who is told how a download goes. Thread-safe.</summary>
interface IDownloadWatch
{
    /// <summary>A file is begun, with what was there of it.</summary>
    void Begin(HubFile file, long done);

    /// <summary>Bytes have arrived; less than none when what had arrived cannot be used.</summary>
    void Received(HubFile file, long bytes);

    /// <summary>A file is complete and is read once to check it.</summary>
    void Checking(HubFile file);

    /// <summary>A file has got its name.</summary>
    void Completed(HubFile file);

    /// <summary>Something waits, and why.</summary>
    void Waiting(string reason, TimeSpan time);
}

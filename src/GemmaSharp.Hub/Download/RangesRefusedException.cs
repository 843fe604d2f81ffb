namespace GemmaSharp.Hub.Download;

/// <summary>The server sends whole files only, or says that the file ends earlier: the download begins again.</summary>
/// <param name="isShorter">Whether the file is said to be shorter (HTTP 416).</param>
sealed class RangesRefusedException(bool isShorter) : Exception
{
    public bool IsShorter { get; } = isShorter;
}

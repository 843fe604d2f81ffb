namespace GemmaSharp.Conversion;

/// <summary>
/// The file beside an unfinished result that tells a running conversion, which holds it, from what a killed one left, and from a folder of the user's.
/// </summary>
static class ConversionLock
{
    const string Ending = ".lock";

    /// <summary>Whether an unfinished result is a conversion's.</summary>
    public static bool IsOfConversion(string temporary) => File.Exists(temporary + Ending);

    /// <summary>Takes the lock, for which the folder around the result is made.</summary>
    /// <param name="temporary">The unfinished result.</param>
    /// <param name="parent">The folder around it.</param>
    /// <param name="destination">What the user calls the result.</param>
    /// <param name="kind">What the user could give instead: "folder" or "name".</param>
    /// <returns>The lock, which goes when it is disposed.</returns>
    /// <exception cref="ConversionException">Another conversion has it, or nothing can be made there.</exception>
    public static FileStream Take(string temporary, string parent, string destination, string kind)
    {
        try
        {
            Directory.CreateDirectory(parent);
            return new FileStream(temporary + Ending, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConversionException(
                IsOfConversion(temporary)
                    ? $"Another conversion is writing to {destination}; wait for it, or give another {kind}."
                    : $"No folder can be made in {parent} ({e.Message.TrimEnd('.')}); choose another place.",
                e);
        }
    }

    /// <summary>The folders above and with this one that do not exist, the innermost first.</summary>
    public static IEnumerable<string> Missing(string folder)
    {
        for (string? at = folder; at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at))
        {
            yield return at;
        }
    }
}

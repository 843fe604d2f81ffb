using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Cli;

/// <summary>
/// Some open files that are kept for the error message: where a process may open few, the parts of the program that write it could not be loaded any more, and
/// it would end without a word.
/// </summary>
/// <remarks>Not thread-safe: held when the program begins, given up when it ends.</remarks>
static class SpareDescriptors
{
    const int Count = 6;

    // What failed has closed some of its files by the time it is reported.
    const int Enough = 16;

    static readonly Stack<SafeFileHandle> s_held = new();

    /// <summary>Opens them, as many as can be.</summary>
    public static void Hold()
    {
        try
        {
            while (!OperatingSystem.IsWindows() && s_held.Count < Count)
            {
                s_held.Push(File.OpenHandle("/dev/null"));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then there are none to spare.
        }
    }

    /// <summary>Gives them up.</summary>
    /// <returns>Whether they were nearly the last: few further files could be opened.</returns>
    public static bool Release()
    {
        bool areLast = s_held.Count > 0 && !CanOpen();
        while (s_held.TryPop(out SafeFileHandle? handle))
        {
            handle.Dispose();
        }

        return areLast;
    }

    static bool CanOpen()
    {
        var opened = new List<SafeFileHandle>(Enough);
        try
        {
            while (opened.Count < Enough)
            {
                opened.Add(File.OpenHandle("/dev/null"));
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
        finally
        {
            opened.ForEach(handle => handle.Dispose());
        }
    }
}

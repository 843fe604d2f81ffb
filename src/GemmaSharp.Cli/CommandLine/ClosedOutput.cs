namespace GemmaSharp.Cli;

/// <summary>Recognises that the reader of our output has gone, as in <c>gemma run … | head -1</c>.</summary>
static class ClosedOutput
{
    const int BrokenPipe = 32;                                  // EPIPE
    const int WindowsBrokenPipe = unchecked((int)0x8007006D);   // ERROR_BROKEN_PIPE
    const int WindowsNoData = unchecked((int)0x800700E8);       // ERROR_NO_DATA

    /// <summary>Whether the error means that.</summary>
    public static bool Is(Exception error) => error is IOException { HResult: BrokenPipe or WindowsBrokenPipe or WindowsNoData };
}

using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Cli;

/// <summary>The process's own standard streams and Ctrl-C.</summary>
static class SystemConsole
{
    /// <summary>Opens the streams.</summary>
    public static CliConsole Open()
    {
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

        // What is no text must not become replacement characters without a word. A byte order mark names another encoding.
        var strict = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        bool dumb = Environment.GetEnvironmentVariable("TERM") == "dumb";
        var output = new StreamWriter(OpenOutput(), utf8, 4096) { AutoFlush = false };
        var error = new StreamWriter(InheritedDescriptor.IsOutput(2) ? Console.OpenStandardError() : Stream.Null, utf8, 1024) { AutoFlush = true };
        TextReader input = !InheritedDescriptor.IsInput() ? TextReader.Null
            : Console.IsInputRedirected
            ? new StreamReader(Console.OpenStandardInput(), strict, detectEncodingFromByteOrderMarks: true)
            : Console.In;
        return new CliConsole(input, output, error)
        {
            InputIsTerminal = !Console.IsInputRedirected,
            OutputIsTerminal = !Console.IsOutputRedirected,
            ErrorIsTerminal = !Console.IsErrorRedirected,
            Colors = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) && !dumb,
            CanMove = !dumb,
        };
    }

    /// <summary>Takes over Ctrl-C until the result is disposed; what nobody stops for ends the program as usual.</summary>
    public static IDisposable HandleInterrupts(CliConsole console) =>
        PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = console.Interrupts.Raise());

    /// <summary>Standard output.</summary>
    /// <remarks>
    /// The framework's own console stream swallows a reader that has gone away, and the program would go on working for nobody; a file stream reports it.
    /// On a regular file, though, a file stream writes at its own position, over what other programs of the same shell command have written, so there the
    /// console's is right.
    /// </remarks>
    static Stream OpenOutput()
    {
        if (!InheritedDescriptor.IsOutput(1))
        {
            return Stream.Null;
        }

        if (!Console.IsOutputRedirected || OperatingSystem.IsWindows())
        {
            return Console.OpenStandardOutput();
        }

        var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }
}

using GemmaSharp.Cli;

LostFile.Watch();
SpareDescriptors.Hold();
CliConsole console = SystemConsole.Open();
using IDisposable interrupts = SystemConsole.HandleInterrupts(console);
return await GemmaCommandLine.RunAsync(args, console).ConfigureAwait(false);

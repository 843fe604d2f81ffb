using System.CommandLine;

namespace GemmaSharp.Cli;

/// <summary>A command with its examples for the help.</summary>
/// <param name="Command">Name, options and action.</param>
/// <param name="Examples">Lines that can be typed.</param>
sealed record CliCommand(Command Command, params string[] Examples);

using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Files;

namespace GemmaSharp.Conversion;

/// <summary>The files beside the weights that a converted checkpoint keeps: tokenizer, processor, chat template, generation defaults, licence.</summary>
static class CompanionFiles
{
    const long LargestFile = 256L << 20;

    static readonly string[] s_endings = [".json", ".jinja", ".model", ".txt", ".md"];

    /// <summary>Copies them.</summary>
    /// <exception cref="ConversionException">A file cannot be read or written.</exception>
    public static void Copy(string source, string destination)
    {
        try
        {
            foreach (FileInfo file in new DirectoryInfo(source).EnumerateFiles().Where(IsCompanion))
            {
                file.CopyTo(Path.Combine(destination, file.Name));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConversionException(
                $"The files beside the weights cannot be copied ({e.Message.TrimEnd('.')}); free some space or check permissions.", e);
        }
    }

    static bool IsCompanion(FileInfo file) =>
        file.Name is not (Gemma3nConfig.FileName or CheckpointFiles.IndexName)
        && !file.Name.EndsWith(".index.json", StringComparison.Ordinal)
        && BoundedFile.Length(file.FullName) is > 0 and <= LargestFile
        && (s_endings.Contains(file.Extension) || file.Name.StartsWith("LICENSE", StringComparison.OrdinalIgnoreCase));
}

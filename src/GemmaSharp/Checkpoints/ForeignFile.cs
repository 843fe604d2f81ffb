namespace GemmaSharp.Checkpoints;

/// <summary>Recognises what people hand over in place of a safetensors file, by the first bytes.</summary>
static class ForeignFile
{
    /// <summary>What the file is and what to do, as the rest of a sentence that begins with its name; <see langword="null"/> when nothing is
    /// recognised.</summary>
    public static string? Describe(ReadOnlySpan<byte> start) =>
        start.StartsWith("GGUF"u8) ? "is a GGUF file under another kind's name; give its name the ending .gguf, and that file as the model."
        : start.StartsWith("PK\x03\x04"u8) ? "is a PyTorch or zip archive; this program reads safetensors, so save the model with safe_serialization=True."
        : start.Length > 1 && start[0] == 0x80 && start[1] is >= 2 and <= 5
            && (start.Length < 9 || start[8] != '{') ? "is a Python pickle; this program reads safetensors, so save the model with safe_serialization=True."
        : start.StartsWith("version https:"u8) ? "is a Git LFS pointer and not the weights themselves; run \"git lfs pull\" in its folder."
        : start.StartsWith("<!"u8)
            || start.StartsWith("<html"u8) ? "is a web page and not the weights; the download was answered with an error or a login page, so download it again."
        : null;
}

using GemmaSharp.Files;

namespace GemmaSharp;

/// <summary>What this library refuses or could not do. The message is one sentence: the value found, the value needed, the way out.</summary>
/// <remarks>Arguments outside their range and disposed objects throw the runtime's own exceptions.</remarks>
public abstract class GemmaException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">
    /// One sentence. What it quotes may come from a file of anybody's: line ends become blanks, control characters become visible, and of more than 1,500
    /// characters the middle is left out.
    /// </param>
    /// <param name="innerException">What happened below, if anything.</param>
    protected GemmaException(string message, Exception? innerException = null)
        : base(Sentence.Of(message), innerException)
    {
    }
}

/// <summary>A checkpoint, or a file of one, that cannot be used. The message says what was found, what is needed and the way out.</summary>
public class CheckpointException : GemmaException
{
    /// <summary>Creates the exception for a folder or file that cannot be read as a checkpoint.</summary>
    public CheckpointException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception for a checkpoint that does not fit its configuration.</summary>
    public CheckpointException(LoadReport report)
        : base(report.Summary())
    {
        Report = report;
    }

    /// <summary>All findings, when the files were readable and do not fit.</summary>
    public LoadReport? Report { get; }
}

/// <summary>A file is not a sound safetensors file.</summary>
public sealed class SafetensorsException : CheckpointException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="problem">What is wrong with it, as the rest of a sentence that begins with the file's name.</param>
    /// <param name="innerException">What the reader said, if anything.</param>
    public SafetensorsException(string file, string problem, Exception? innerException = null)
        : base($"{Path.GetFileName(file)} {problem}", innerException)
    {
        File = file;
    }

    /// <summary>Path of the file.</summary>
    public string File { get; }
}

/// <summary>A GGUF file that is damaged, hostile, or of a kind that is not read. The message says what was found, what is needed and the way out.</summary>
public sealed class GgufException : CheckpointException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="problem">What is wrong with it, as the rest of a sentence that begins with the file's name.</param>
    /// <param name="innerException">What the reader said, if anything.</param>
    public GgufException(string file, string problem, Exception? innerException = null)
        : base($"{Path.GetFileName(file)} {problem}", innerException)
    {
        File = file;
    }

    /// <summary>Path of the file.</summary>
    public string File { get; }
}

/// <summary>An adapter that cannot be used with its base. The message says what was found, what is needed and the way out.</summary>
public sealed class AdapterException : CheckpointException
{
    /// <summary>Creates the exception for a folder that cannot be read as an adapter, or that cannot be used as asked.</summary>
    public AdapterException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception for an adapter that does not fit its base.</summary>
    public AdapterException(LoadReport report)
        : base(report)
    {
    }
}

/// <summary>A checkpoint file could not be written; nothing of it was left behind.</summary>
public sealed class CheckpointWriteException : GemmaException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file that was to be written.</param>
    /// <param name="innerException">What the file system said.</param>
    public CheckpointWriteException(string path, Exception innerException)
        : base($"{path} cannot be written ({Reason(innerException)}); free some space or choose another folder.", innerException)
    {
        Path = path;
    }

    /// <summary>The file that was to be written.</summary>
    public string Path { get; }

    // The runtime adds the name of the temporary file.
    static string Reason(Exception e) => e.Message.Split(" : '")[0].TrimEnd('.');
}

/// <summary>A configuration file holds a value that this model cannot run with.</summary>
public sealed class ConfigurationException : GemmaException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">Name of the file, such as <c>config.json</c>.</param>
    /// <param name="jsonPath">Where in the file, such as <c>$.text_config.hidden_size</c>, or a key of a GGUF file; <c>$</c> is the whole file.</param>
    /// <param name="problem">The value found, the value needed, the way out.</param>
    /// <param name="innerException">What the JSON reader or the file system said, if anything.</param>
    public ConfigurationException(string file, string jsonPath, string problem, Exception? innerException = null)
        : base(jsonPath == "$" ? $"{file}: {problem}" : $"{file}: {jsonPath} {problem}", innerException)
    {
        File = file;
        JsonPath = jsonPath;
    }

    /// <summary>Name of the file, such as <c>config.json</c>.</summary>
    public string File { get; }

    /// <summary>Where in the file: <c>$.text_config.hidden_size</c>; of a GGUF file the key, <c>gemma3n.embedding_length</c>, or what of a tensor.</summary>
    public string JsonPath { get; }
}

/// <summary>A tokenizer's files cannot be used: what was found, what is needed, and the way out in one sentence.</summary>
public sealed class TokenizerException : GemmaException
{
    /// <summary>Makes the error.</summary>
    /// <param name="message">One sentence.</param>
    public TokenizerException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error of another one.</summary>
    /// <param name="message">One sentence.</param>
    /// <param name="innerException">What happened below.</param>
    public TokenizerException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>A slice that cannot be read, or that the model does not have.</summary>
/// <param name="message">One sentence: the value found, the value needed, the way out.</param>
public sealed class SliceException(string message) : GemmaException(message);

/// <summary>A model does not fit the memory that it was given. The message has what its parts take and the way out.</summary>
/// <param name="message">One sentence.</param>
/// <param name="neededBytes">The least that it takes with the other options as they are.</param>
/// <param name="limitBytes">What it was given.</param>
public sealed class MemoryLimitException(string message, long neededBytes, long limitBytes) : GemmaException(message)
{
    /// <summary>The least that the model takes with the other options as they are.</summary>
    public long NeededBytes { get; } = neededBytes;

    /// <summary>What it was given.</summary>
    public long LimitBytes { get; } = limitBytes;
}

/// <summary>A conversion that cannot be done, or whose result was not what was written. Nothing of it was left behind.</summary>
/// <param name="message">One sentence: the value found, the value needed, the way out.</param>
/// <param name="innerException">What the file system said, if anything.</param>
public sealed class ConversionException(string message, Exception? innerException = null) : GemmaException(message, innerException);

/// <summary>A conversation that cannot be read or written: names the file and the place in it, the value found and what is needed.</summary>
/// <param name="message">One sentence.</param>
/// <param name="innerException">What the reader or the file system said, if anything.</param>
public sealed class ChatMessageException(string message, Exception? innerException = null) : GemmaException(message, innerException);

/// <summary>A conversation that the chat template refuses.</summary>
public sealed class ChatTemplateException(string message) : GemmaException(message);

/// <summary>
/// A prompt cannot be answered as asked: it is empty or too long, holds what the checkpoint has no part for, there is not enough memory, or the model's numbers
/// are not finite.
/// </summary>
/// <remarks>One conversation's trouble: the model and its other sessions go on, and so does this session with its next prompt.</remarks>
/// <param name="message">What was found, what is needed, and the way out.</param>
/// <param name="innerException">What caused it, where that says more.</param>
public class GenerationException(string message, Exception? innerException = null) : GemmaException(message, innerException);

/// <summary>A prompt that is longer than the context.</summary>
/// <param name="promptTokens">Tokens of the prompt.</param>
/// <param name="contextLength">Tokens that prompt and answer may have together.</param>
public sealed class ContextLengthException(int promptTokens, int contextLength) : GenerationException(
    FormattableString.Invariant($"The prompt has {promptTokens:N0} tokens and the context holds {contextLength:N0}; shorten it."))
{
    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; } = promptTokens;

    /// <summary>Tokens that prompt and answer may have together.</summary>
    public int ContextLength { get; } = contextLength;
}

/// <summary>A constraint that cannot be used: what was given is none, uses what is not supported, or would need more states or time than is allowed.</summary>
public sealed class ConstraintException : GemmaException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One sentence.</param>
    /// <param name="problems">Everything that stands against it, in the order of the document.</param>
    public ConstraintException(string message, params IReadOnlyList<ConstraintProblem> problems)
        : base(message)
    {
        Problems = [.. problems.Select(problem => problem with { Message = Sentence.Of(problem.Message) })];
    }

    /// <summary>Everything that stands against it, in the order of the document; empty where the message says all.</summary>
    public IReadOnlyList<ConstraintProblem> Problems { get; }
}

/// <summary>One thing that stands against a constraint.</summary>
/// <param name="Pointer">Where: a JSON pointer into the schema, empty for its root.</param>
/// <param name="Keyword">The keyword, such as <c>uniqueItems</c>.</param>
/// <param name="Message">What is wrong with it.</param>
#pragma warning disable CA1720 // A JSON pointer has this name, and is no pointer.
public sealed record ConstraintProblem(string Pointer, string Keyword, string Message);
#pragma warning restore CA1720

/// <summary>More is asked of the model than it was set up to take at once; the request was not begun and may be made again.</summary>
/// <param name="message">The limit, what is there, and the way out.</param>
/// <param name="retryAfter">When it is worth trying again, as far as can be told from the answers that run.</param>
public sealed class OverloadedException(string message, TimeSpan retryAfter) : GemmaException(message)
{
    /// <summary>When it is worth trying again.</summary>
    public TimeSpan RetryAfter { get; } = retryAfter;
}

namespace GemmaSharp;

/// <summary>A configuration file holds a value that this model cannot run with.</summary>
public sealed class ConfigurationException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">Name of the file, such as <c>config.json</c>.</param>
    /// <param name="jsonPath">Where in the file, such as <c>$.text_config.hidden_size</c>; <c>$</c> is the whole file.</param>
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

    /// <summary>Where in the file: <c>$.text_config.hidden_size</c>.</summary>
    public string JsonPath { get; }
}

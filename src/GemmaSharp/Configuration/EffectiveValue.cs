namespace GemmaSharp.Configuration;

/// <summary>A configuration value the model runs with, and where it came from.</summary>
/// <param name="Name">The key with its section: <c>text_config.hidden_size</c>.</param>
/// <param name="Value">The value, written as JSON.</param>
/// <param name="Origin">The file and JSON path (<c>config.json $.text_config.hidden_size</c>), <c>default</c>, or <c>derived: </c> and the rule.</param>
sealed record EffectiveValue(string Name, string Value, string Origin);

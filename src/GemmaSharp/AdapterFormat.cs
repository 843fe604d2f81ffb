namespace GemmaSharp;

/// <summary>Which program's adapter files these are.</summary>
public enum AdapterFormat
{
    /// <summary>Hugging Face peft: <c>adapter_config.json</c> with <c>peft_type</c>, <c>adapter_model.safetensors</c>.</summary>
    Peft,

    /// <summary>mlx-lm: <c>adapter_config.json</c> with <c>lora_parameters</c>, <c>adapters.safetensors</c>.</summary>
    MlxLm,
}

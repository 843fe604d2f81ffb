using Microsoft.Extensions.Options;

namespace GemmaSharp.Extensions.AI;

/// <summary>Says when the program starts what would go wrong at the first call.</summary>
sealed class GemmaOptionsValidation : IValidateOptions<GemmaOptions>
{
    public ValidateOptionsResult Validate(string? name, GemmaOptions options)
    {
        string section = string.IsNullOrEmpty(name) ? GemmaOptions.Section : $"{GemmaOptions.Section}:{name}";
        if (string.IsNullOrEmpty(options.ModelPath))
        {
            return ValidateOptionsResult.Fail($"{section}:ModelPath is empty; give the folder of a checkpoint, there or in AddGemmaModel.");
        }

        if (!Directory.Exists(options.ModelPath))
        {
            return ValidateOptionsResult.Fail($"{section}:ModelPath is {options.ModelPath} and no folder is there; give the folder of a checkpoint.");
        }

        if (options.Model is null)
        {
            return ValidateOptionsResult.Fail($"The options of {section} have no Model; leave it as it is for the defaults.");
        }

        try
        {
            options.Model.Validate();
            return ValidateOptionsResult.Success;
        }
        catch (ArgumentException error)
        {
            return ValidateOptionsResult.Fail($"{section}: {error.Message}");
        }
    }
}

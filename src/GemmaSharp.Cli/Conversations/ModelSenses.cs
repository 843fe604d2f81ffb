using GemmaSharp.Prompting;

namespace GemmaSharp.Cli.Conversations;

/// <summary>Refuses files that the loaded model cannot take, before any work.</summary>
static class ModelSenses
{
    /// <summary>Checks that there is a tower for every picture and clip.</summary>
    /// <exception cref="CliException">There is none.</exception>
    public static void Require(GemmaModel model, IEnumerable<ChatMessage> messages)
    {
        if (Senses.Refusal(messages, sees: model.Vision is not null, hears: model.Audio is not null) is string refusal)
        {
            throw CliException.Input(refusal);
        }
    }
}

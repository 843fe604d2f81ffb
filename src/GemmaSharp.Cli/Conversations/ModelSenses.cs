namespace GemmaSharp.Cli.Conversations;

/// <summary>Refuses files that the loaded model cannot take, before any work.</summary>
static class ModelSenses
{
    /// <summary>Checks that there is a tower for every picture and clip.</summary>
    /// <exception cref="CliException">There is none.</exception>
    public static void Require(GemmaModel model, IEnumerable<ChatMessage> messages)
    {
        ContentPart[] parts = [.. messages.SelectMany(message => message.Parts)];
        if (model.Vision is null && Array.Exists(parts, part => part is ImagePart))
        {
            throw CliException.Input("The prompt has a picture and the checkpoint, as loaded, has no vision tower; leave the picture out, or use a checkpoint that sees, without --no-vision.");
        }

        if (model.Audio is null && Array.Exists(parts, part => part is AudioPart))
        {
            throw CliException.Input("The prompt has sound and the checkpoint, as loaded, has no audio tower; leave the sound out, or use a checkpoint that hears, without --no-audio.");
        }
    }
}

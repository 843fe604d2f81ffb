using GemmaSharp.Prompting.Chat;

namespace GemmaSharp.Prompting;

/// <summary>A prompt as ids, with what its placeholders stand for: all that can be done without computing. Immutable.</summary>
/// <param name="Ids">Token ids with every placeholder expanded.</param>
/// <param name="Images">Pictures, in order.</param>
/// <param name="ImageRuns">The places of each picture's soft tokens.</param>
/// <param name="Clips">Clips, in order.</param>
/// <param name="ClipRuns">The places of each clip's soft tokens.</param>
sealed record PromptPlan(int[] Ids, ImagePart[] Images, IReadOnlyList<TokenRun> ImageRuns, AudioClip[] Clips, IReadOnlyList<TokenRun> ClipRuns)
{
    /// <summary>Makes a plan of ids alone; those of the multimodal vocabularies get their hard embeddings.</summary>
    public PromptPlan(int[] ids)
        : this(ids, [], [], [], [])
    {
    }
}

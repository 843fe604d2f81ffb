using GemmaSharp.Prompting;

namespace GemmaSharp.Generation;

/// <summary>A prompt on its way from messages over ids to embeddings. Answers to the same prompt share one, so that its pictures are encoded once.</summary>
/// <remarks>What it is planned from may come from any thread; the rest belongs to the engine's.</remarks>
sealed class PromptSource
{
    readonly Task<PlannedPrompt>? _planned;
    EncodedPrompt? _encoded;
    bool _encoding;

    /// <summary>A prompt that has been encoded.</summary>
    public PromptSource(EncodedPrompt prompt) => _encoded = prompt;

    /// <summary>A prompt whose pictures and clips are still to be encoded.</summary>
    /// <param name="planned">Its ids, perhaps still to come.</param>
    public PromptSource(Task<PlannedPrompt> planned) => _planned = planned;

    /// <summary>Completes when the ids are there.</summary>
    public Task Planned => _planned ?? Task.CompletedTask;

    /// <summary>The ids, once they are there.</summary>
    public ReadOnlySpan<int> Ids => _encoded is not null ? _encoded.Ids : Plan.Ids;

    /// <summary>The beginning that stands for no picture or clip.</summary>
    public ReadOnlySpan<int> PlainIds
    {
        get
        {
            int end = Ids.Length;
            if (_encoded is not null)
            {
                end = _encoded.Soft.Count > 0 ? _encoded.Soft[0].Start : end;
            }
            else
            {
                end = Plan.ImageRuns.Count > 0 ? Math.Min(end, Plan.ImageRuns[0].Start) : end;
                end = Plan.ClipRuns.Count > 0 ? Math.Min(end, Plan.ClipRuns[0].Start) : end;
            }

            return Ids[..end];
        }
    }

    /// <summary>Where another prompt may part from this one, once the ids are there; null when nothing is known of that.</summary>
    public PlannedPrompt? Outline => _planned?.Result;

    /// <summary>The prompt, once <see cref="Encode"/> has run to its end.</summary>
    public EncodedPrompt Prompt => _encoded!;

    PromptPlan Plan => _planned!.Result.Plan;

    /// <summary>Encodes the prompt, or waits for the answer that is doing so.</summary>
    /// <param name="encoder">Encodes.</param>
    /// <param name="adapters">What is added to the linear layers of towers and embedders.</param>
    public IEnumerable<Feed> Encode(PromptEncoder encoder, AdapterSet adapters)
    {
        while (_encoded is null)
        {
            if (_encoding)
            {
                yield return Feed.Until(() => !_encoding);
                continue;
            }

            _encoding = true;
            try
            {
                foreach (EncodedPrompt? encoded in encoder.Encode(Plan, trace: null, adapters))
                {
                    _encoded = encoded;
                    yield return Feed.Pause;
                }
            }
            finally
            {
                _encoding = false;
            }
        }
    }
}

/// <summary>A prompt as ids, with the places where other prompts are likely to part from it. Immutable.</summary>
/// <param name="Plan">The ids and what their placeholders stand for.</param>
/// <param name="SystemEnd">Tokens that every conversation with the same system message begins with; 0 when there is none.</param>
/// <param name="TurnEnds">Where each of its turns ends.</param>
sealed record PlannedPrompt(PromptPlan Plan, int SystemEnd, IReadOnlyList<int> TurnEnds);

using GemmaSharp.Server.Http;

namespace GemmaSharp.Server.Requests;

/// <summary>A text that is continued without a template.</summary>
static class RawPrompt
{
    /// <summary>Its ids, with one begin of sequence before them.</summary>
    /// <param name="model">Who answers.</param>
    /// <param name="text">The text.</param>
    /// <param name="parsesControls">Whether spellings of control tokens in it are these, as in a template written out by hand.</param>
    public static int[] Ids(GemmaModel model, string text, bool parsesControls) =>
        WithBos(model, model.Tokenizer.EncodeToIds(text, allowSpecial: parsesControls));

    /// <summary>Ids with one begin of sequence before them.</summary>
    /// <exception cref="ApiException">One is none of the vocabulary's.</exception>
    public static int[] WithBos(GemmaModel model, int[] ids)
    {
        int vocabulary = model.Summary.VocabularySize;
        return Array.FindIndex(ids, id => (uint)id >= (uint)vocabulary) is >= 0 and int at
            ? throw ApiException.Invalid("prompt", FormattableString.Invariant($"prompt has the id {ids[at]}; ids are from 0 to {vocabulary - 1}."))
            : model.Tokenizer.BosTokenId is not int bos || (ids.Length > 0 && ids[0] == bos) ? ids : [bos, .. ids];
    }
}

using System.Text.Json;

namespace GemmaSharp.Prompting.Tokenization;

/// <summary>The forms of normalizer, pre-tokenizer, decoder and post-processor that Gemma's tokenizer files have.</summary>
internal static class PipelineForms
{
    /// <summary>Whether the normalizer writes <c>▁</c> for every space; without one, text stays as it is.</summary>
    /// <exception cref="TokenizerException">It is another one.</exception>
    public static bool ReplacesSpaces(JsonElement normalizer)
    {
        if (IsAbsent(normalizer))
        {
            return false;
        }

        return IsReplace(Unwrap(normalizer, "normalizers"), " ", "▁")
            ? true
            : throw Unknown("normalizer", normalizer, "Replace of \" \" by \"▁\", or null");
    }

    /// <summary>A pre-tokenizer may only cut at spaces, which the normalizer has replaced: it then does nothing.</summary>
    /// <exception cref="TokenizerException">It is another one.</exception>
    public static void CheckPreTokenizer(JsonElement preTokenizer, bool spacesAreReplaced)
    {
        if (IsAbsent(preTokenizer))
        {
            return;
        }

        JsonElement split = Unwrap(preTokenizer, "pretokenizers");
        if (!(spacesAreReplaced && Is(split, "type", "Split") && IsPattern(split, " ") && Is(split, "behavior", "MergedWithPrevious")
            && !(split.TryGetProperty("invert", out JsonElement invert) && invert.ValueKind == JsonValueKind.True)))
        {
            throw Unknown("pre_tokenizer", preTokenizer, "Split at \" \", MergedWithPrevious, behind a normalizer that replaces \" \"; or null");
        }
    }

    /// <summary>The decoder must write a space for <c>▁</c>, then decode bytes, then join.</summary>
    /// <exception cref="TokenizerException">It is another one.</exception>
    public static void CheckDecoder(JsonElement decoder)
    {
        if (!(Is(decoder, "type", "Sequence") && decoder.TryGetProperty("decoders", out JsonElement steps)
            && steps.ValueKind == JsonValueKind.Array && steps.GetArrayLength() is 2 or 3
            && IsReplace(steps[0], "▁", " ") && Is(steps[1], "type", "ByteFallback")
            && (steps.GetArrayLength() == 2 || Is(steps[2], "type", "Fuse"))))
        {
            throw Unknown("decoder", decoder, "Sequence of Replace of \"▁\" by \" \", ByteFallback and Fuse");
        }
    }

    /// <summary>
    /// Whether the post-processor puts a token before the text. One behind the text, as <c>add_eos_token</c> has it for training, is no part of a prompt, which
    /// is to be gone on with.
    /// </summary>
    /// <exception cref="TokenizerException">It does anything else.</exception>
    public static bool PrependsToken(JsonElement postProcessor)
    {
        if (IsAbsent(postProcessor) || Is(postProcessor, "type", "ByteLevel"))
        {
            return false;
        }

        if (Is(postProcessor, "type", "Sequence") && postProcessor.TryGetProperty("processors", out JsonElement steps)
            && steps.ValueKind == JsonValueKind.Array)
        {
            return steps.EnumerateArray().Aggregate(false, (prepends, step) => PrependsToken(step) || prepends);
        }

        // Both say it with a token before the text ("cls") and one behind it ("sep").
        if (Is(postProcessor, "type", "BertProcessing") || Is(postProcessor, "type", "RobertaProcessing"))
        {
            return true;
        }

        if (Is(postProcessor, "type", "TemplateProcessing") && postProcessor.TryGetProperty("single", out JsonElement single)
            && single.ValueKind == JsonValueKind.Array)
        {
            JsonElement[] parts = [.. single.EnumerateArray()];
            int text = Array.FindIndex(parts, part => IsObjectWith(part, "Sequence"));
            if (text is 0 or 1 && parts.Where((_, i) => i != text).All(part => IsObjectWith(part, "SpecialToken")))
            {
                return text == 1;
            }
        }

        throw Unknown("post_processor", postProcessor, "TemplateProcessing that puts one token before the text at most, a Sequence of such, or null");
    }

    static bool IsAbsent(JsonElement value) => value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    static bool Is(JsonElement value, string name, string text) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out JsonElement found)
        && found.ValueKind == JsonValueKind.String && found.ValueEquals(text);

    static bool IsObjectWith(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out _);

    static bool IsPattern(JsonElement value, string text) =>
        value.TryGetProperty("pattern", out JsonElement pattern) && Is(pattern, "String", text);

    static bool IsReplace(JsonElement value, string from, string to) =>
        Is(value, "type", "Replace") && IsPattern(value, from) && Is(value, "content", to);

    static JsonElement Unwrap(JsonElement value, string list) =>
        Is(value, "type", "Sequence") && value.TryGetProperty(list, out JsonElement steps)
        && steps.ValueKind == JsonValueKind.Array && steps.GetArrayLength() == 1 ? steps[0] : value;

    static TokenizerException Unknown(string name, JsonElement found, string accepted)
    {
        string text = found.ValueKind == JsonValueKind.Undefined ? "absent" : found.GetRawText();
        text = text.Length > 200 ? text[..200] + "…" : text;
        return new TokenizerException($"{name} of tokenizer.json is {text}; GemmaSharp reads {accepted}.");
    }
}

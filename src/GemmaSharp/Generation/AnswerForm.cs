using System.Diagnostics;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Generation.Tools;

namespace GemmaSharp.Generation;

/// <summary>The form that an answer has to keep, of its constraint or of its calls of tools: which tokens may be drawn, and which need not be.</summary>
/// <remarks>
/// The mask of allowed tokens depends only on tokens that are known before the step that gives the logits, so a thread of the pool computes it meanwhile. It is
/// not computed at all where a token drawn among all tokens is as good: when it is allowed, and nothing but the temperature shapes the choice, it is as likely
/// as one drawn among the allowed ones, <c>p(t) + (1 − Z) · p(t) / Z = p(t) / Z</c> with Z the probability of all allowed tokens. Not thread-safe.
/// </remarks>
sealed class AnswerForm
{
    readonly Tokenizer _tokenizer;
    readonly IReadOnlySet<int> _ends;
    readonly Matcher? _constraint;
    readonly ToolDecoding? _tools;
    readonly TokenMask _mask;
    Task? _masking;

    /// <summary>The form of an answer from its first token.</summary>
    /// <param name="options">With a constraint, or tools.</param>
    /// <param name="tokenizer">Whose tokens are drawn.</param>
    /// <param name="vocabulary">V: logits of a position.</param>
    /// <param name="ends">The tokens that end an answer.</param>
    public AnswerForm(GenerationOptions options, Tokenizer tokenizer, int vocabulary, IReadOnlySet<int> ends)
    {
        _tokenizer = tokenizer;
        _ends = ends;
        _mask = new TokenMask(vocabulary);
        TokenTrie trie = TokenTrie.For(tokenizer, vocabulary);
        if (options.Tools is { IsOn: true } tools)
        {
            _tools = new ToolDecoding(tools, options.Constraint, trie);
        }
        else
        {
            _constraint = options.Constraint is Constraint constraint ? new Matcher(constraint.Compiled, trie) : null;
        }
    }

    /// <summary>Whether there is one to keep.</summary>
    public static bool IsWanted(GenerationOptions options) => options.Constraint is not null || options.Tools?.IsOn == true;

    /// <summary>Whether the answer is complete and can only end.</summary>
    public bool MustEnd => Matcher is { CanEnd: true, MustEnd: true };

    /// <summary>Whether the next token has to keep to something.</summary>
    public bool IsKept => Matcher is not null;

    Matcher? Matcher => _tools is null ? _constraint : _tools.Matcher;

    /// <summary>Begins to compute what the next draw will need, on another thread. Until then only <see cref="Choose"/> may be called.</summary>
    public void Prepare(Sampler sampler)
    {
        if (Matcher is Matcher matcher && !sampler.KeepsAll)
        {
            _masking = Task.Run(() => ComputeMask(matcher));
        }
    }

    /// <summary>Draws the next token.</summary>
    /// <exception cref="ConstraintException">The constraint needs more states than are allowed.</exception>
    /// <exception cref="GenerationException">No token of the vocabulary can follow, or the logits are not finite.</exception>
    public int Choose(Sampler sampler, ReadOnlySpan<float> logits)
    {
        if (Matcher is not Matcher matcher)
        {
            return sampler.Choose(logits);
        }

        if (sampler.KeepsAll)
        {
            int id = sampler.Choose(logits);
            if (_ends.Contains(id) ? matcher.CanEnd : matcher.Accepts(id))
            {
                return id;
            }

            ComputeMask(matcher);
        }
        else if (_masking is Task masking)
        {
            _masking = null;
            masking.GetAwaiter().GetResult();
        }
        else
        {
            ComputeMask(matcher);
        }

        return sampler.Choose(logits, _mask);
    }

    /// <summary>Takes a token of the answer.</summary>
    /// <param name="id">The token, no end.</param>
    /// <param name="text">The text it completes.</param>
    /// <returns>The text for the reader: what may be part of a call is held back.</returns>
    public string Push(int id, string text)
    {
        if (_tools is not null)
        {
            return _tools.Push(id, text);
        }

        if (_constraint is not null && !_constraint.TryAdvance(id))
        {
            throw new InvalidOperationException($"Token {id} was drawn and is not allowed.");
        }

        return text;
    }

    /// <summary>The tokens that must follow, which need not be drawn.</summary>
    /// <param name="ids">Receives them.</param>
    public void Forced(List<int> ids)
    {
        ids.Clear();
        Matcher?.ForcedTokens(text => _tokenizer.EncodeToIds(text, allowSpecial: false), ids);
    }

    /// <summary>The end of the answer.</summary>
    /// <param name="rest">The text that the last tokens complete.</param>
    /// <param name="calls">The calls that the answer consists of; null where it is text.</param>
    /// <returns>The text that is still due to the reader.</returns>
    public string Finish(string rest, out IReadOnlyList<ToolCall>? calls)
    {
        calls = null;
        if (_tools is null)
        {
            return rest;
        }

        calls = _tools.Finish(out string held);
        return calls is null ? held + rest : "";
    }

    void ComputeMask(Matcher matcher)
    {
        long start = Telemetry.MeasuresMasks ? Stopwatch.GetTimestamp() : 0;
        matcher.ComputeMask(_mask);
        if (matcher.CanEnd)
        {
            foreach (int end in _ends)
            {
                _mask.Add(end);
            }
        }

        if (start != 0)
        {
            Telemetry.Mask(Stopwatch.GetElapsedTime(start));
        }
    }
}

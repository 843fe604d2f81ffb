using System.Diagnostics.CodeAnalysis;
using GemmaSharp.Model.Text;

namespace GemmaSharp.Generation;

/// <summary>Sequences that answers have left, found again by the longest beginning they have in common with a prompt.</summary>
/// <remarks>
/// <para>
/// A kept prefix never changes: who begins with it gets a copy, whose pages of full layers are shared and whose rings are copied. Rings only go back by about
/// a step, so beginnings that others are likely to have in common are kept as snapshots.
/// </para>
/// <para>
/// Bytes are those of all caches that it gave out or keeps, shared ones counted once. Answers are let in as long as what they may need at most fits beside
/// what the others may need; kept prefixes fill what is left, and go when it is wanted. First go those that others have gone on from; then the least recently
/// used; last those of the most recent requests, the youngest first, so that requests which are made beside a conversation, such as one for its title, do not
/// take its place.
/// </para>
/// <para>Belongs to the engine's thread, but for <see cref="Bytes"/>.</para>
/// </remarks>
/// <param name="model">Whose caches.</param>
/// <param name="capacity">Bytes that all of them may hold together.</param>
/// <param name="stepRows">The most rows of one answer in a step, at most <see cref="MaxStepRows"/>.</param>
sealed class PrefixPool(TextModel model, long capacity, int stepRows = PrefixPool.MaxStepRows) : IDisposable
{
    /// <summary>The most rows of one answer in a step: rings are that much longer than the window, in every sequence that is kept.</summary>
    public const int MaxStepRows = 64;

    /// <summary>Requests whose prefixes are spared.</summary>
    const int RecentRequests = 16;

    /// <summary>Tokens that are worth a copy or a wait.</summary>
    const int WorthTokens = 16;

    /// <summary>Prefixes kept at most, whatever room there is: each prompt is compared with all.</summary>
    const int MostKept = 1024;

    readonly KvLedger _ledger = new();
    readonly KvCache _empty = model.NewCache(stepRows);
    readonly Dictionary<PrefixKey, List<KeptPrefix>> _kept = [];
    readonly List<PooledSequence> _running = [];
    long _requests;
    long _counts;
    bool _disposed;

    /// <summary>Bytes held by the sequences that it gave out and keeps. Thread-safe.</summary>
    public long Bytes => _ledger.Bytes;

    /// <summary>Prefixes kept.</summary>
    public int Count => _kept.Values.Sum(list => list.Count);

    /// <summary>Whether it pays to do something for tokens that need not be computed again: enough of them, or much of a short prompt.</summary>
    public static bool IsWorth(int saved, int promptLength) => saved >= WorthTokens || (saved > 0 && 2 * saved >= promptLength);

    /// <summary>Lets an answer in, if what it may need fits beside what the others may need.</summary>
    /// <param name="place">Where it will be.</param>
    /// <param name="plain">The beginning of its prompt.</param>
    /// <param name="othersEnd">Whether others will end: then it waits for them rather than take the place of recent prefixes.</param>
    /// <returns>False when it has to wait.</returns>
    /// <exception cref="GenerationException">It alone may need more than there is.</exception>
    public bool TryEnter(PooledSequence place, CachedTokens plain, bool othersEnd)
    {
        long most = _empty.MostBytes(place.End);
        if (most > capacity)
        {
            throw new GenerationException(FormattableString.Invariant(
                $"Keys and values of up to {place.End:N0} tokens may need {most:N0} bytes, and there are {capacity:N0} for all answers; ")
                + $"ask for fewer tokens, shorten the prompt, or load the model with more ({nameof(GemmaModelOptions.CacheBytes)}, --cache).");
        }

        long request = _requests + 1;
        _running.EnsureCapacity(_running.Count + 1);
        (KeptPrefix? kept, int shared, _) = FindKept(place.Key, plain);
        if (kept is not null && Use(kept, place.Key, plain, request))
        {
            Hold(place, kept);
        }
        else
        {
            shared = 0;
        }

        // Without others it fits, since all that is kept can go, and what it begins with can become its own.
        long needed = most - _empty.SharedBytes(shared - (shared % FullKvLayer.PagePositions));
        if (_running.Count > 0 && Spoken(request, othersEnd) + needed > capacity)
        {
            LetGo(place);
            return false;
        }

        _running.Add(place);
        (place.Request, place.Needed, _requests) = (request, needed, request);
        return true;
    }

    /// <summary>The running answer that will have computed most of what another one wants, if it pays to wait for it.</summary>
    public (PooledSequence Other, int Shared)? FindRunning(PooledSequence place)
    {
        CachedTokens tokens = place.Tokens!;
        (_, int best) = Find(place.Key, tokens);
        PooledSequence? found = null;
        foreach (PooledSequence other in _running)
        {
            if (other != place && other.IsComputingPrompt && other.Key.Equals(place.Key))
            {
                // The last token of either is computed by itself, for its logits.
                int common = Math.Min(other.Tokens!.CommonPrefix(tokens), Math.Min(tokens.Length, other.Tokens.Length) - 1);
                if (common > other.Sequence!.Length && IsWorth(common - best, tokens.Length))
                {
                    (found, best) = (other, common);
                }
            }
        }

        return found is null ? null : (found, best);
    }

    /// <summary>The sequence that has most in common with a prompt and can be taken over up to there.</summary>
    public (SequenceState? Sequence, int Length) Find(string? tenant, AdapterSet adapters, CachedTokens prompt) =>
        Find(new PrefixKey(tenant, adapters), prompt);

    /// <summary>A sequence that begins with what there is of a prompt.</summary>
    /// <param name="place">Whose it is.</param>
    /// <param name="parting">Where the prompt parts from the one it has most in common with, whether that can be reused or not.</param>
    public SequenceState Begin(PooledSequence place, out int parting)
    {
        CachedTokens tokens = place.Tokens!;
        (KeptPrefix? kept, int length, parting) = FindKept(place.Key, tokens);
        (SequenceState? source, int most) = Find(place.Key, tokens);
        LetGo(place);
        if (kept is not null && most == length && Use(kept, place.Key, tokens, place.Request))
        {
            // Nobody takes it away while room is made.
            Hold(place, kept);
        }

        SequenceState sequence = NewSequence(place.Key);
        if (source is null || !IsWorth(most, tokens.Length))
        {
            return sequence;
        }

        if (MakeRoom(CopyBytes(most)))
        {
            try
            {
                sequence.TakeOver(source, most, share: true);
            }
            catch
            {
                sequence.Dispose();
                throw;
            }
        }
        else if (place.Origin is { Users: 1 } only)
        {
            // Two of them do not fit, so the new one takes its place.
            LetGo(place);
            Forget(place.Key, only);
            only.Sequence.CutTo(most);
            return only.Sequence;
        }

        return sequence;
    }

    /// <summary>Gives up what others can do without until this many more bytes fit.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="forSnapshot">Whether they are not worth anything that is recent.</param>
    /// <returns>Whether they fit.</returns>
    public bool MakeRoom(long bytes, bool forSnapshot = false)
    {
        while (_ledger.Bytes + bytes > capacity)
        {
            if (!DropLeast(forSnapshot))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Keeps a copy of a running answer's beginning, if there is room.</summary>
    /// <param name="place">Whose.</param>
    /// <param name="length">How many tokens, just computed.</param>
    /// <param name="isSystem">Whether it is what conversations with the same system message begin with.</param>
    public void Snapshot(PooledSequence place, int length, bool isSystem)
    {
        SequenceState source = place.Sequence!;
        if (!source.Cache.CanRewind(length) || !MakeRoom(CopyBytes(length), forSnapshot: true))
        {
            return;
        }

        SequenceState copy = NewSequence(place.Key);
        try
        {
            copy.TakeOver(source, length, share: true);
            Keep(place, copy, isSystem);
        }
        catch (OutOfMemoryException)
        {
            // The answer can do without it.
            copy.Dispose();
        }
    }

    /// <summary>Takes an answer's sequence back.</summary>
    /// <param name="place">Whose.</param>
    /// <param name="sequence">The sequence; null when it never had one.</param>
    public void Leave(PooledSequence place, SequenceState? sequence)
    {
        _running.Remove(place);
        LetGo(place);
        if (sequence is not { Length: > 0 } || _disposed)
        {
            sequence?.Dispose();
            return;
        }

        try
        {
            Keep(place, sequence, isSystem: false);
        }
        catch (OutOfMemoryException)
        {
            sequence.Dispose();
        }
    }

    /// <summary>Frees what is kept.</summary>
    public void Dispose()
    {
        _disposed = true;
        foreach (KeptPrefix kept in _kept.Values.SelectMany(list => list))
        {
            kept.Sequence.Dispose();
        }

        _kept.Clear();
    }

    /// <summary>Bytes that a copy takes beside what it shares.</summary>
    long CopyBytes(int length) => _empty.Growth(length) - _empty.SharedBytes(length);

    SequenceState NewSequence(PrefixKey key) => new(model.NewCache(stepRows, _ledger), key.Adapters);

    List<KeptPrefix> KeptFor(PrefixKey key) => _kept.TryGetValue(key, out List<KeptPrefix>? list) ? list : [];

    /// <summary>The kept prefix of which most can be reused, and how much any has in common.</summary>
    (KeptPrefix? Kept, int Length, int Common) FindKept(PrefixKey key, CachedTokens prompt)
    {
        KeptPrefix? best = null;
        int length = 0, most = 0;
        foreach (KeptPrefix kept in KeptFor(key))
        {
            int usable = kept.Sequence.Reusable(prompt, out int common);
            most = Math.Max(most, common);
            if (usable > length)
            {
                (best, length) = (kept, usable);
            }
        }

        return (best, length, most);
    }

    (SequenceState? Sequence, int Length) Find(PrefixKey key, CachedTokens prompt)
    {
        (KeptPrefix? kept, int length, _) = FindKept(key, prompt);
        SequenceState? best = kept?.Sequence;
        foreach (PooledSequence running in _running)
        {
            if (running.Sequence is SequenceState sequence && running.Key.Equals(key) && sequence.Reusable(prompt, out _) is int common && common > length)
            {
                (best, length) = (sequence, common);
            }
        }

        return (best, length);
    }

    /// <summary>Notes that a request uses a prefix, and with it the system message that it begins with.</summary>
    /// <returns>Whether it has enough in common with the prompt.</returns>
    bool Use(KeptPrefix kept, PrefixKey key, CachedTokens prompt, long request)
    {
        if (!IsWorth(kept.Sequence.Reusable(prompt, out _), prompt.Length))
        {
            return false;
        }

        Touch(kept, request);
        foreach (KeptPrefix other in KeptFor(key))
        {
            if (other.IsSystem && other.Sequence.Tokens.CommonPrefix(prompt) == other.Sequence.Length)
            {
                Touch(other, request);
            }
        }

        return true;
    }

    static void Hold(PooledSequence place, KeptPrefix kept)
    {
        kept.Users++;
        place.Origin = kept;
    }

    static void LetGo(PooledSequence place)
    {
        if (place.Origin is KeptPrefix kept)
        {
            kept.Users--;
            place.Origin = null;
        }
    }

    static void Touch(KeptPrefix kept, long request)
    {
        kept.Request = request;
        kept.IsSuperseded = false;
    }

    void Keep(PooledSequence place, SequenceState sequence, bool isSystem)
    {
        if (Count >= MostKept)
        {
            DropLeast(spareRecent: false);
        }

        if (!_kept.TryGetValue(place.Key, out List<KeptPrefix>? list))
        {
            _kept.Add(place.Key, list = []);
        }

        bool superseded = false;
        for (int i = list.Count - 1; i >= 0; i--)
        {
            KeptPrefix other = list[i];
            int common = other.Sequence.Tokens.CommonPrefix(sequence.Tokens);
            if (common == sequence.Length && other.Sequence.Cache.CanRewind(common) && (common == other.Sequence.Length || !isSystem))
            {
                // It says nothing new.
                Touch(other, place.Request);
                other.IsSystem |= isSystem;
                sequence.Dispose();
                return;
            }

            if (common == other.Sequence.Length && !other.IsSystem)
            {
                if (sequence.Cache.CanRewind(common) && other.Users == 0)
                {
                    list.RemoveAt(i);
                    other.Sequence.Dispose();
                }
                else
                {
                    other.IsSuperseded = true;
                }
            }

            superseded |= common == sequence.Length && !isSystem;
        }

        list.Add(new KeptPrefix(sequence, isSystem) { Request = place.Request, IsSuperseded = superseded });
    }

    void Forget(PrefixKey key, KeptPrefix kept)
    {
        List<KeptPrefix> list = _kept[key];
        list.Remove(kept);
        if (list.Count == 0)
        {
            _kept.Remove(key);
        }
    }

    bool DropLeast(bool spareRecent)
    {
        if (!TryFindLeast(spareRecent, out PrefixKey key, out KeptPrefix? least))
        {
            return false;
        }

        Forget(key, least);
        least.Sequence.Dispose();
        return true;
    }

    static bool IsRecent(KeptPrefix kept, long request) => kept.Request > request - RecentRequests && !kept.IsSuperseded;

    /// <summary>What can best be done without.</summary>
    bool TryFindLeast(bool spareRecent, out PrefixKey key, [NotNullWhen(true)] out KeptPrefix? least)
    {
        key = default;
        least = null;
        (int Class, long Order) rank = default;
        foreach ((PrefixKey owner, List<KeptPrefix> list) in _kept)
        {
            foreach (KeptPrefix kept in list)
            {
                bool recent = IsRecent(kept, _requests);
                if (kept.Users > 0 || (spareRecent && recent))
                {
                    continue;
                }

                // Of the recent ones the youngest is likeliest to be none that a conversation goes on from.
                (int, long) other = kept.IsSuperseded ? (0, kept.Request) : !recent ? (1, kept.Request) : (kept.IsSystem ? 3 : 2, -kept.Request);
                if (least is null || other.CompareTo(rank) < 0)
                {
                    (key, least, rank) = (owner, kept, other);
                }
            }
        }

        return least is not null;
    }

    /// <summary>Bytes that cannot be had: what running answers hold and may need, what they began with, and perhaps what is recent.</summary>
    long Spoken(long request, bool spareRecent)
    {
        long count = ++_counts, bytes = 0;
        foreach (PooledSequence running in _running)
        {
            KvCache? cache = running.Sequence?.Cache;
            bytes += cache is null ? running.Needed : cache.CountOnce(count) + Math.Max(0, _empty.MostBytes(running.End) - cache.Bytes);
        }

        foreach (KeptPrefix kept in _kept.Values.SelectMany(list => list))
        {
            bytes += kept.Users > 0 || (spareRecent && IsRecent(kept, request)) ? kept.Sequence.Cache.CountOnce(count) : 0;
        }

        return bytes;
    }
}

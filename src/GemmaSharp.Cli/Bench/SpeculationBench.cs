using System.Diagnostics;
using System.Text.RegularExpressions;
using GemmaSharp.Configuration;
using GemmaSharp.Generation;
using GemmaSharp.Generation.Drafts;

namespace GemmaSharp.Cli.Bench;

/// <summary>Times texts with and without guesses at their next tokens.</summary>
sealed partial class EngineBench
{
    /// <summary>A text that says what was said, one that repeats its own form, and one that does neither.</summary>
    static readonly (string Name, string Prompt, string Answer)[] s_texts =
    [
        ("copying", """
            Correct the spelling and give back the whole text:
            The harbour was quiet when the ferry came in. Two men stood on the peir and watched the ropes go over the side. One of them had come every
            evening since March, although nobody knew whom he was waiting for. The captain called down that the last bus had gone and that the road
            over the hill was closed because of the storm. There was a room above the bakery, he said, which they could have until morning, and the
            baker would not aks for much. They thanked him, took their bags and walked up the narrow street, past the shuttered shops and the church,
            to the house with the green door.
            """, """
            The harbour was quiet when the ferry came in. Two men stood on the pier and watched the ropes go over the side. One of them had come every
            evening since March, although nobody knew whom he was waiting for. The captain called down that the last bus had gone and that the road
            over the hill was closed because of the storm. There was a room above the bakery, he said, which they could have until morning, and the
            baker would not ask for much. They thanked him, took their bags and walked up the narrow street, past the shuttered shops and the church,
            to the house with the green door.
            """),
        ("listing", """
            List the planets from the sun outwards as a JSON array of objects with name, position, moons, rings and kind.
            """, """
            [
              {"name": "Mercury", "position": 1, "moons": 0, "rings": false, "kind": "rock"},
              {"name": "Venus", "position": 2, "moons": 0, "rings": false, "kind": "rock"},
              {"name": "Earth", "position": 3, "moons": 1, "rings": false, "kind": "rock"},
              {"name": "Mars", "position": 4, "moons": 2, "rings": false, "kind": "rock"},
              {"name": "Jupiter", "position": 5, "moons": 97, "rings": true, "kind": "gas"},
              {"name": "Saturn", "position": 6, "moons": 274, "rings": true, "kind": "gas"},
              {"name": "Uranus", "position": 7, "moons": 28, "rings": true, "kind": "ice"},
              {"name": "Neptune", "position": 8, "moons": 16, "rings": true, "kind": "ice"}
            ]
            """),
        ("free text", """
            Tell me a short story about somebody who keeps a lighthouse.
            """, """
            Marta had tended the lamp for nineteen winters before she noticed that it was lying to her. It happened on a Tuesday in November, with sleet
            rattling against the panes. She climbed the stairs, wound the clockwork, trimmed what needed trimming, and looked out. Where the beam fell
            upon the water there lay another coast, with orchards, chimneys, a white dog running along a wall. When the light had passed, only waves
            remained. She counted the seconds until it came round again. The dog had reached the gate. Somebody bent down to let him through, and
            straightened, and raised an arm as one does to a neighbour. Marta was not a woman who waved at things she could not explain. She made tea,
            wrote the weather into the book, and left half a page empty beneath it. Towards dawn, though, feeling foolish, she lifted her own hand. Far
            off, between two sweeps, a small lamp went on in a window and stayed lit until breakfast.
            """),
    ];

    /// <summary>Writes texts one token a step, and with as many guesses as pay.</summary>
    /// <remarks>
    /// The tokens are the same each time, whatever the model would draw, so that nothing but the way differs; they are words, numbers and marks, as those of a
    /// large vocabulary mostly are. The two ways take turns.
    /// </remarks>
    public IReadOnlyList<SpeculationResult> Speculation(int repetitions) =>
        [.. s_texts.Select(text => Speculation(text.Name, Words(text.Prompt), Words(text.Answer), repetitions))];

    SpeculationResult Speculation(string name, int[] prompt, int[] answer, int repetitions)
    {
        int drafted = 0, accepted = 0;
        double[] plain = new double[repetitions], guessed = new double[repetitions];
        for (int i = -1; i < repetitions; i++)
        {
            double one = Time(0), other = Time(null);
            if (i >= 0)
            {
                (plain[i], guessed[i]) = (one, other);
            }
        }

        return new SpeculationResult(name, answer.Length, new Measurement(plain), new Measurement(guessed), drafted, accepted);

        double Time(int? length)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            var place = new PooledSequence(_engine.Prefixes, FormattableString.Invariant($"guesses {_runs++}"), _adapters);
            var work = new GuessedAnswer(place, prompt, answer, length, _model.Config);
            double end = Stopwatch.GetElapsedTime(0, Run(work)[0]).TotalSeconds;
            (drafted, accepted) = (work.Drafted, work.Accepted);
            return end - Stopwatch.GetElapsedTime(0, work.Begun).TotalSeconds;
        }
    }

    /// <summary>An id for each word, number and run of marks, spread over the vocabulary, and the same for the same.</summary>
    int[] Words(string text) => [.. WordOrMarks().Matches(text).Select(match =>
        (int)(match.Value.Aggregate(2166136261u, (hash, c) => (hash ^ c) * 16777619) % (uint)(_vocabulary - 300)) + 256)];

    [GeneratedRegex(@"\p{L}+|\p{N}|[^\p{L}\p{N}\s]+|\n *")]
    private static partial Regex WordOrMarks();

    /// <summary>Given tokens, with all the work of drawing them, of which guesses may be right.</summary>
    sealed class GuessedAnswer(PooledSequence place, int[] prompt, int[] script, int? length, TextConfig config)
        : TimedAnswer(place, new EncodedPrompt(prompt), Math.Min(config.MaxPositionEmbeddings, prompt.Length + script.Length))
    {
        readonly Sampler _sampler = new(new GenerationOptions { Temperature = 1, TopK = 64, TopP = 0.95f }, 1, [], []);

        /// <summary>When the prompt had gone through the model.</summary>
        public long Begun { get; private set; }

        /// <summary>How many tokens were guessed.</summary>
        public int Drafted { get; private set; }

        /// <summary>How many guesses were right.</summary>
        public int Accepted { get; private set; }

        protected override IEnumerable<Feed> Draw()
        {
            Begun = Stopwatch.GetTimestamp();
            Drafter? drafter = length == 0 ? null : new Drafter(prompt, length);
            int[] rows = new int[Feed.MostTokens];
            int at = Take(0, [], drafter);
            while (at < script.Length)
            {
                rows[0] = script[at - 1];
                int guesses = drafter?.Draft(rows.AsSpan(1, Math.Min(rows.Length - 1, script.Length - at - 1)), CostOf) ?? 0;
                yield return Feed.Tokens(rows.AsMemory(0, 1 + guesses), default, guesses);
                at = Take(at, rows.AsSpan(1, Guessed), drafter);
            }
        }

        /// <summary>Draws as far as the guesses are right, and takes the wrong ones out of the sequence.</summary>
        int Take(int at, ReadOnlySpan<int> guesses, Drafter? drafter)
        {
            int right = 0;
            for (bool more = true; more; right++)
            {
                _ = _sampler.Choose(LogitsAfter(right));
                drafter?.Add(script[at + right]);
                more = right < guesses.Length && guesses[right] == script[at + right];
            }

            Drafted += guesses.Length;
            Accepted += right - 1;
            Guessed = 0;
            Sequence!.CutTo(Sequence.Length - guesses.Length + right - 1);
            return at + right;
        }
    }
}

using CsCheck;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Tests.Layers;

/// <summary>What an adapter adds to activations, against a plain loop in double, for every shape of a batch.</summary>
public sealed class LoraProductTests
{
    [Fact]
    public void Add_AnyShape_MatchesPlainLoopInDouble() =>
        Gen.Select(Gen.Int[1, 300], Gen.Int[1, 2100], Gen.Int[1, 40], Gen.Int[1, 20], Gen.Int[0, 1000]).Sample((inputs, outputs, rank, rows, seed) =>
        {
            LoraPair pair = Pair(inputs, outputs, rank, seed);
            float[] x = Random(rows * inputs, seed + 2), start = Random(rows * outputs, seed + 3), y = [.. start];
            using var team = new WorkerTeam(1 + (seed % 3));
            LoraProduct.Add(pair, 0.75f, x, rows, new float[rows * rank], y, team);
            for (int t = 0; t < rows; t++)
            {
                double[] low = new double[rank];
                for (int k = 0; k < rank; k++)
                {
                    for (int c = 0; c < inputs; c++)
                    {
                        low[k] += (double)x[(t * inputs) + c] * pair.Down[(k * inputs) + c];
                    }
                }

                for (int o = 0; o < outputs; o += 1 + (outputs / 50))
                {
                    double expected = start[(t * outputs) + o], size = Math.Abs(expected);
                    for (int k = 0; k < rank; k++)
                    {
                        double term = 0.75 * pair.Scale * low[k] * pair.Up[(k * outputs) + o];
                        expected += term;
                        size += Math.Abs(term);
                    }

                    Assert.True(Math.Abs(expected - y[(t * outputs) + o]) <= 1e-4 * size, $"{inputs} {outputs} {rank} {rows}: row {t}, output {o} is {y[(t * outputs) + o]}, not {expected}.");
                }
            }
        }, iter: 150, threads: 1);

    [Fact]
    public void AddTo_AnyBatch_GivesEachRowItsOwnBits() =>
        Gen.Select(Gen.Int[1, 70], Gen.Int[1, 1100], Gen.Int[1, 20], Gen.Int[1, 9].List[1, 6], Gen.Int[0, 1000]).Sample((inputs, outputs, rank, chunks, seed) =>
        {
            var modules = new LinearModules();
            LinearModule module = modules.Add("language_model.layers.0.mlp.up_proj", inputs, outputs, tied: false);
            AdapterSet?[] sets = [null, Set(0), Set(1), new AdapterSet([.. Set(2).Adapters, .. Set(3).Adapters])];
            int rows = chunks.Sum();
            float[] x = Random(rows * inputs, seed), y = Random(rows * outputs, seed + 1), start = [.. y];
            bool[] kept = [.. Enumerable.Range(0, rows).Select(row => (row * 7 + seed) % 3 != 0)];
            using var team = new WorkerTeam(3);
            using var together = new AdapterRows();
            int first = 0;
            for (int i = 0; i < chunks.Count; i++)
            {
                together.Add(first, chunks[i], sets[(i + seed) % sets.Length]);
                first += chunks[i];
            }

            together.AddTo(module, 0, x, rows, y, team);
            together.Keep(kept);
            int[] left = [.. Enumerable.Range(0, rows).Where(row => kept[row])];
            float[] keptY = [.. left.SelectMany(row => start.AsSpan(row * outputs, outputs).ToArray())];
            together.AddTo(module, 0, [.. left.SelectMany(row => x.AsSpan(row * inputs, inputs).ToArray())], left.Length, keptY, team);

            int chunk = 0, end = chunks[0];
            for (int row = 0; row < rows; row++)
            {
                if (row == end)
                {
                    end += chunks[++chunk];
                }

                float[] alone = start[(row * outputs)..((row + 1) * outputs)];
                using var single = new AdapterRows();
                single.Add(0, 1, sets[(chunk + seed) % sets.Length]);
                single.AddTo(module, 0, x.AsSpan(row * inputs, inputs), 1, alone, team);
                Assert.True(alone.AsSpan().SequenceEqual(y.AsSpan(row * outputs, outputs)), $"row {row} of {rows}");
                if (kept[row])
                {
                    Assert.True(alone.AsSpan().SequenceEqual(keptY.AsSpan(Array.IndexOf(left, row) * outputs, outputs)), $"row {row} of {rows}, kept");
                }
            }

            AdapterSet Set(int i) => new(new LoraAdapter($"adapter {i}", AdapterFormat.Peft, modules, [Pair(inputs, outputs, rank + i, seed + (10 * i), module)], null!), 1 - (0.3f * i));
        }, iter: 150, threads: 1);

    static LoraPair Pair(int inputs, int outputs, int rank, int seed, LinearModule? module = null) => new(
        module ?? new LinearModule(0, "language_model.layers.0.mlp.up_proj", inputs, outputs, false), rank, Random(rank * inputs, seed), Random(rank * outputs, seed + 1), 1.5f);

    static float[] Random(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }
}

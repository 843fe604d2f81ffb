using System.Runtime.Intrinsics;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// Tokens as integers: per group of the weights <c>d = max|x| / limit</c> and <c>q = round(x / d)</c>, laid out in the order the codes
/// are unpacked in, and <c>d · Σ q</c>, which multiplies a group's bias.
/// </summary>
/// <remarks>128-bit vectors on every machine: the integers do not depend on the width of the product.</remarks>
readonly unsafe struct QuantizedActivations
{
    /// <summary>Columns of a token.</summary>
    public required int Columns { get; init; }

    /// <summary>Columns of a group.</summary>
    public required int GroupSize { get; init; }

    /// <summary>1 or 2 bytes an integer; the limit is 127 or 32,767.</summary>
    public required int ElementBytes { get; init; }

    /// <summary>Columns of a block; the integers of the last block are padded with zeros.</summary>
    public required int Block { get; init; }

    /// <summary>Consecutive integers that stay together when a block is parted into halves: 1 or 8, or 0 for the order of the columns.</summary>
    public required int Unit { get; init; }

    /// <summary>Groups per vector: the numbers per group are padded with zeros to a multiple.</summary>
    public required int Lanes { get; init; }

    /// <summary>Memory of <see cref="BytesPerToken"/> times the tokens, aligned to 64 bytes.</summary>
    public required byte* Memory { get; init; }

    /// <summary>Groups of a token with padding.</summary>
    public int PaddedGroups => (Columns / GroupSize + Lanes - 1) / Lanes * Lanes;

    /// <summary>Bytes of a token's integers with padding.</summary>
    public int IntegerBytes => (Columns + Block - 1) / Block * Block * ElementBytes;

    /// <summary>Bytes of everything kept for a token.</summary>
    public int BytesPerToken => (IntegerBytes + 2 * PaddedGroups * sizeof(float) + 63) & ~63;

    /// <summary>The integers of a token.</summary>
    public byte* Integers(int token) => Memory + (long)token * BytesPerToken;

    /// <summary>The steps d of a token's groups.</summary>
    public float* Steps(int token) => (float*)(Integers(token) + IntegerBytes);

    /// <summary>The sums <c>d · Σ q</c> of a token's groups.</summary>
    public float* Sums(int token) => Steps(token) + PaddedGroups;

    /// <summary>Quantises tokens.</summary>
    /// <param name="x"><c>[tokens, Columns]</c></param>
    /// <param name="tokens">How many.</param>
    /// <param name="team">The threads that share the tokens.</param>
    public void Fill(float* x, int tokens, WorkerTeam team)
    {
        Job job = new() { Activations = this, X = x };
        team.Run(ref job, tokens, Math.Max(1, tokens / (team.Threads * 4)));
    }

    struct Job : IParallelJob
    {
        public QuantizedActivations Activations;
        public float* X;

        public readonly void Run(int first, int last)
        {
            byte* natural = ThreadScratch.Of<byte>(ScratchPurpose.Rows, Activations.IntegerBytes);
            for (int t = first; t < last; t++)
            {
                Activations.Quantize(X + (long)t * Activations.Columns, t, natural);
            }
        }
    }

    void Quantize(float* x, int token, byte* natural)
    {
        int groups = Columns / GroupSize;
        float* steps = Steps(token);
        float* sums = Sums(token);
        new Span<float>(steps, 2 * PaddedGroups).Clear();
        new Span<byte>(natural, IntegerBytes)[(Columns * ElementBytes)..].Clear();
        float limit = ElementBytes == 1 ? sbyte.MaxValue : short.MaxValue;
        for (int g = 0; g < groups; g++)
        {
            float* group = x + g * GroupSize;
            Vector128<float> most = Vector128<float>.Zero;
            for (int i = 0; i < GroupSize; i += 4)
            {
                most = Vector128.Max(most, Vector128.Abs(Vector128.Load(group + i)));
            }

            float amax = MathF.Max(MathF.Max(most[0], most[1]), MathF.Max(most[2], most[3]));

            // Below that the inverse overflows; such a group counts as zero. NaN fails the test, and the step hands it on.
            float inverse = amax > 1e-30f ? limit / amax : 0;
            steps[g] = amax / limit;
            sums[g] = steps[g] * Round(group, inverse, natural + g * GroupSize * ElementBytes);
        }

        Order(natural, Integers(token));
    }

    /// <summary>Writes the integers of a group in the order of the columns; returns their sum.</summary>
    int Round(float* group, float inverse, byte* integers)
    {
        Vector128<int> sum = Vector128<int>.Zero;
        Vector128<float> factor = Vector128.Create(inverse);
        for (int i = 0; i < GroupSize; i += 16)
        {
            Vector128<int> a = Integer(group + i, factor), b = Integer(group + i + 4, factor);
            Vector128<int> c = Integer(group + i + 8, factor), d = Integer(group + i + 12, factor);
            sum += a + b + (c + d);
            Vector128<short> low = Vector128.Narrow(a, b), high = Vector128.Narrow(c, d);
            if (ElementBytes == 1)
            {
                Vector128.Narrow(low, high).Store((sbyte*)integers + i);
            }
            else
            {
                low.Store((short*)integers + i);
                high.Store((short*)integers + i + 8);
            }
        }

        return Vector128.Sum(sum);
    }

    static Vector128<int> Integer(float* x, Vector128<float> factor) => Vector128.ConvertToInt32(Vector128.Round(Vector128.Load(x) * factor));

    /// <summary>Parts every block into the halves that meet the even and the odd codes.</summary>
    void Order(byte* natural, byte* ordered)
    {
        int bytes = IntegerBytes, block = Block * ElementBytes, half = block / 2;
        if (Unit == 0)
        {
            Buffer.MemoryCopy(natural, ordered, bytes, bytes);
            return;
        }

        for (int start = 0; start < bytes; start += block)
        {
            byte* source = natural + start;
            byte* even = ordered + start;
            byte* odd = even + half;
            if (Unit == 8)
            {
                for (int i = 0; i < half; i += 8, source += 16)
                {
                    *(ulong*)(even + i) = *(ulong*)source;
                    *(ulong*)(odd + i) = *(ulong*)(source + 8);
                }
            }
            else if (ElementBytes == 1)
            {
                for (int i = 0; i < half; i += 16, source += 32)
                {
                    Vector128<ushort> a = Vector128.Load((ushort*)source), b = Vector128.Load((ushort*)source + 8);
                    Vector128.Narrow(a & Vector128.Create((ushort)0xFF), b & Vector128.Create((ushort)0xFF)).Store(even + i);
                    Vector128.Narrow(a >> 8, b >> 8).Store(odd + i);
                }
            }
            else
            {
                for (int i = 0; i < half; i += 16, source += 32)
                {
                    Vector128<uint> a = Vector128.Load((uint*)source), b = Vector128.Load((uint*)source + 4);
                    Vector128.Narrow(a & Vector128.Create(0xFFFFu), b & Vector128.Create(0xFFFFu)).Store((ushort*)(even + i));
                    Vector128.Narrow(a >> 16, b >> 16).Store((ushort*)(odd + i));
                }
            }
        }
    }
}

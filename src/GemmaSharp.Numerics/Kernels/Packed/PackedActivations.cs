using System.Runtime.Intrinsics;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// Tokens as integers: per group of the weights <c>d = max|x| / limit</c> and <c>q = round(x / d)</c>, in the order of the columns, and
/// <c>d · Σ q</c>, which multiplies a group's bias.
/// </summary>
/// <remarks>128-bit vectors on every machine: the integers do not depend on the width of the product.</remarks>
readonly unsafe struct PackedActivations
{
    /// <summary>Columns of a token.</summary>
    public required int Columns { get; init; }

    /// <summary>The weights they are for.</summary>
    public required PackedForm Form { get; init; }

    /// <summary>Memory of <see cref="TokenBytes"/> times the tokens, aligned to 64 bytes.</summary>
    public required byte* Memory { get; init; }

    /// <summary>Columns of the weights' whole blocks; integers beyond a token's own are zeros.</summary>
    int PaddedColumns => Form.BlocksOf(Columns) * Form.BlockColumns;

    /// <summary>Bytes of a token's integers with padding.</summary>
    int IntegerBytes => PaddedColumns * Form.ActivationBytes;

    /// <summary>Bytes of everything kept for a token.</summary>
    public int TokenBytes => (IntegerBytes + 2 * sizeof(float) * (PaddedColumns / Form.GroupSize) + 63) & ~63;

    /// <summary>
    /// The integers of a token. Those of 16 bits are changed in places in every four columns: first and third, second and fourth.
    /// </summary>
    public byte* Integers(int token) => Memory + (long)token * TokenBytes;

    /// <summary>d and <c>d · Σ q</c> of a token's groups, alternately.</summary>
    public float* Steps(int token) => (float*)(Integers(token) + IntegerBytes);

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
        public PackedActivations Activations;
        public float* X;

        public readonly void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                Activations.Quantize(X + (long)t * Activations.Columns, t);
            }
        }
    }

    void Quantize(float* x, int token)
    {
        int size = Form.GroupSize, bytes = Form.ActivationBytes;
        byte* integers = Integers(token);
        float* steps = Steps(token);
        new Span<byte>(integers, TokenBytes)[(Columns * bytes)..].Clear();
        float limit = bytes == 1 ? sbyte.MaxValue : short.MaxValue;
        for (int g = 0; g < Columns / size; g++)
        {
            float* group = x + g * size;
            Vector128<float> most = Vector128<float>.Zero;
            for (int i = 0; i < size; i += 4)
            {
                most = Vector128.Max(most, Vector128.Abs(Vector128.Load(group + i)));
            }

            float amax = MathF.Max(MathF.Max(most[0], most[1]), MathF.Max(most[2], most[3]));

            // Below that the inverse overflows; such a group counts as zero. NaN fails the test, and the step hands it on.
            float inverse = amax > 1e-30f ? limit / amax : 0;
            float step = amax / limit;
            steps[2 * g] = step;
            steps[2 * g + 1] = step * Round(group, size, inverse, integers + g * size * bytes, bytes);
        }
    }

    /// <summary>Writes the integers of a group; returns their sum.</summary>
    static int Round(float* group, int size, float inverse, byte* integers, int bytes)
    {
        Vector128<int> sum = Vector128<int>.Zero;
        Vector128<float> factor = Vector128.Create(inverse);
        Vector128<short> places = Vector128.Create((short)0, 2, 1, 3, 4, 6, 5, 7);
        for (int i = 0; i < size; i += 16)
        {
            Vector128<int> a = Integer(group + i, factor), b = Integer(group + i + 4, factor);
            Vector128<int> c = Integer(group + i + 8, factor), d = Integer(group + i + 12, factor);
            sum += a + b + (c + d);
            Vector128<short> low = Vector128.Narrow(a, b), high = Vector128.Narrow(c, d);
            if (bytes == 1)
            {
                Vector128.Narrow(low, high).Store((sbyte*)integers + i);
            }
            else
            {
                Vector128.Shuffle(low, places).Store((short*)integers + i);
                Vector128.Shuffle(high, places).Store((short*)integers + i + 8);
            }
        }

        return Vector128.Sum(sum);
    }

    static Vector128<int> Integer(float* x, Vector128<float> factor) => Vector128.ConvertToInt32(Vector128.Round(Vector128.Load(x) * factor));
}

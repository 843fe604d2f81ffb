using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The integer product one code at a time, for machines without vectors; also what the tests compare the vectors with.</summary>
static unsafe class QuantizedFastScalar
{
    /// <summary>The product: see <see cref="QuantizedFastProduct"/>.</summary>
    public static void Multiply(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team)
    {
        for (int t = 0; t < tokens; t++)
        {
            QuantizedActivations activations = Activations(rows, null);
            activations = Activations(rows, ThreadScratch.Of<byte>(ScratchPurpose.Activations, activations.BytesPerToken));
            activations.Fill(x + (long)t * rows.Columns, 1, team);
            Job job = new() { Rows = rows, Activations = activations, Y = y + (long)t * count };
            team.Run(ref job, count, Math.Max(1, count / (team.Threads * 8)));
        }
    }

    static QuantizedActivations Activations(in QuantizedRows rows, byte* memory) => new()
    {
        Columns = rows.Columns,
        GroupSize = rows.Format.GroupSize,
        ElementBytes = rows.Format.Bits == 8 ? 2 : 1,
        Block = 1,
        Unit = 0,
        Lanes = 1,
        Memory = memory,
    };

    struct Job : IParallelJob
    {
        public QuantizedRows Rows;
        public QuantizedActivations Activations;
        public float* Y;

        public readonly void Run(int first, int last)
        {
            int columns = Rows.Columns, groups = Rows.Groups, size = Rows.Format.GroupSize;
            float* scales = (float*)ThreadScratch.Of<byte>(ScratchPurpose.Rows, 2L * groups * sizeof(float) + columns);
            float* biases = scales + groups;
            Span<byte> codes = new(biases + groups, columns);
            byte* x = Activations.Integers(0);
            float* steps = Activations.Steps(0);
            float* sums = Activations.Sums(0);
            for (int row = first; row < last; row++)
            {
                Rows.RowScales(row, scales, biases);
                PackedBits.Unpack(new ReadOnlySpan<byte>(Rows.Codes + row * Rows.CodeStride, Rows.CodeBytes), Rows.Format.Bits, codes);
                bool floating = Rows.Format.Mode != QuantizationMode.Affine;
                float sum = 0;
                for (int g = 0; g < groups; g++)
                {
                    int dot = 0;
                    for (int i = g * size; i < (g + 1) * size; i++)
                    {
                        int code = floating ? QuantizedFp4.Integers[codes[i]] : codes[i];
                        dot += code * (Activations.ElementBytes == 1 ? ((sbyte*)x)[i] : ((short*)x)[i]);
                    }

                    float scale = floating ? 0.5f * scales[g] : scales[g];
                    float bias = floating ? -6f * scales[g] : biases[g];
                    sum += scale * steps[g] * dot + bias * sums[g];
                }

                Y[row] = sum;
            }
        }
    }
}

using System.Runtime.InteropServices;
using GemmaSharp.Numerics.MachineCode;
using GemmaSharp.Numerics.Vectors;
using Iced.Intel;
using static GemmaSharp.Numerics.MachineCode.KernelWriter;
using static Iced.Intel.AssemblerRegisters;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// <see cref="DotTile"/> of IEEE halves as machine code with <c>vcvtph2ps</c>, which .NET has no intrinsic for and which does in one instruction what takes a
/// dozen. The same chains of multiply-adds, so the same bits.
/// </summary>
/// <remarks>Leaves the sums of all lanes, <c>[tokens, rows, 16]</c>: who calls folds them or goes on with columns that fill no step.</remarks>
static unsafe class HalfTile
{
    /// <summary>Rows of the tiles for several tokens; one token meets twice as many.</summary>
    public const int Rows = TilePacking.PanelRows;

    /// <summary>Floats of the sums of any tile.</summary>
    public const int MostSums = TilePacking.MaxTokens * Rows * TilePacking.MaxLanes;

    const int StepBytes = 32;
    const int LineBytes = 64;
    const int Tiles = TilePacking.MaxTokens + 1;

    // [fetch][tokens], and one token by eight rows in place of none.
    static readonly KernelTable s_tiles = new(2 * Tiles, static number => (number % Tiles) switch
    {
        0 => (nint)Write(1, 2 * Rows, number >= Tiles),
        int tokens => (nint)Write(tokens, Rows, number >= Tiles),
    });

    /// <summary>Whether the machine has the instruction at 512 bits, and the system runs code for it.</summary>
    public static bool IsSupported => Processor.HasAvx512;

    /// <summary>The sums of a tile.</summary>
    /// <typeparam name="TFetch">Whether the bytes from <paramref name="next"/> on are fetched meanwhile.</typeparam>
    /// <param name="tokens">1 to 6, by <see cref="Rows"/> rows; 0 for one token by eight.</param>
    /// <param name="x"><c>[steps, tokens, 16]</c></param>
    /// <param name="w">The first row.</param>
    /// <param name="rowBytes">Bytes from row to row.</param>
    /// <param name="steps">Steps of 16 columns.</param>
    /// <param name="next">What is fetched.</param>
    /// <param name="sums">Receives them; room for <see cref="MostSums"/>.</param>
    /// <exception cref="InsufficientMemoryException">The system has not enough memory for more machine code.</exception>
    public static void Sum<TFetch>(int tokens, float* x, byte* w, nuint rowBytes, nuint steps, byte* next, float* sums)
        where TFetch : struct, IFetch
    {
        Arguments arguments = new() { X = x, W = w, RowBytes = rowBytes, Steps = steps, Next = next, Sums = sums };
        s_tiles[(typeof(TFetch) == typeof(FetchAhead) ? Tiles : 0) + tokens](&arguments);
    }

    static delegate* unmanaged<void*, void> Write(int tokens, int rows, bool fetches) => Make(c =>
    {
        int sums = tokens * rows;
        Load(c, rsi, rdi, r11, rbx, rcx, r13);
        c.lea(rax, __qword_ptr[r11 + r11 * 2]);
        c.lea(rdx, __qword_ptr[rdi + r11 * 4]);
        for (int i = 0; i < sums; i++)
        {
            c.vpxord(Z[i], Z[i], Z[i]);
        }

        Label step = c.CreateLabel(), done = c.CreateLabel();
        c.test(rbx, rbx);
        c.jz(done);
        c.Label(ref step);
        for (int line = 0; fetches && line < rows * StepBytes / LineBytes; line++)
        {
            c.prefetcht1(__byte_ptr[rcx + line * LineBytes]);
        }

        for (int r = 0; r < rows; r++)
        {
            AssemblerRegisterZMM weights = Z[sums + (r & 1)];
            c.vcvtph2ps(weights, Row(r));
            for (int t = 0; t < tokens; t++)
            {
                c.vfmadd231ps(Z[t * rows + r], weights, __zmmword_ptr[rsi + t * LineBytes]);
            }
        }

        c.add(rcx, rows * StepBytes);
        c.add(rsi, tokens * LineBytes);
        c.add(rdi, StepBytes);
        c.add(rdx, StepBytes);
        c.dec(rbx);
        c.jnz(step);
        c.Label(ref done);
        for (int i = 0; i < sums; i++)
        {
            c.vmovups(__zmmword_ptr[r13 + i * LineBytes], Z[i]);
        }
    });

    static AssemblerMemoryOperand Row(int r)
    {
        AssemblerRegister64 from = r < Rows ? rdi : rdx;
        return (r % Rows) switch
        {
            0 => __ymmword_ptr[from],
            1 => __ymmword_ptr[from + r11],
            2 => __ymmword_ptr[from + r11 * 2],
            _ => __ymmword_ptr[from + rax],
        };
    }

    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public float* X;
        public byte* W;
        public nuint RowBytes;
        public nuint Steps;
        public byte* Next;
        public float* Sums;
    }
}

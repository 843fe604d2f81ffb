using System.Runtime.InteropServices;
using Iced.Intel;
using static GemmaSharp.Numerics.MachineCode.KernelWriter;
using static Iced.Intel.AssemblerRegisters;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Arguments of a tile of a bfloat16 product.</summary>
[StructLayout(LayoutKind.Sequential)]
unsafe struct BFloat16TileArguments
{
    /// <summary>The first panel.</summary>
    public byte* Panels;

    /// <summary>Bytes from panel to panel.</summary>
    public nint PanelBytes;

    /// <summary>Blocks of columns, 1 or more.</summary>
    public nint Blocks;

    /// <summary>The tile's rows as <see cref="BFloat16Tile.Round"/> leaves them.</summary>
    public byte* X;

    /// <summary>Receives the sums of the first row, panel beside panel.</summary>
    public float* Y;

    /// <summary>Bytes from row to row there.</summary>
    public nint YStride;
}

/// <summary>Arguments of rounding.</summary>
[StructLayout(LayoutKind.Sequential)]
unsafe struct BFloat16RoundArguments
{
    /// <summary>The first row, float32.</summary>
    public float* Source;

    /// <summary>Bytes from row to row.</summary>
    public nint Stride;

    /// <summary>Whole blocks of columns.</summary>
    public nint Blocks;

    /// <summary>Receives the tile.</summary>
    public byte* Target;

    /// <summary>A bit for each of the columns behind the whole blocks, 0 to 31.</summary>
    public nint Rest;
}

/// <summary>Machine code for products of bfloat16 numbers with float32 sums, <c>vdpbf16ps</c>, which .NET has no intrinsic for.</summary>
/// <remarks>
/// A block is <see cref="BlockColumns"/> columns: of the weights sixteen lines of two columns of sixteen rows, of the other side each row's, one row behind the
/// other. An output is one chain over the pairs of columns in ascending order, whatever the tile: its bits depend on its row of x alone. The instruction takes
/// subnormal numbers for zeros and rounds to nearest.
/// </remarks>
static class BFloat16Tile
{
    /// <summary>Columns of a block.</summary>
    public const int BlockColumns = 32;

    /// <summary>Most panels of a tile.</summary>
    public const int MostPanels = 4;

    /// <summary>Most rows of x of a tile.</summary>
    public const int MostRows = 6;

    const int LineBytes = 64;
    const int Lines = BlockColumns / 2;

    /// <summary>Writes the product of some panels and rows.</summary>
    /// <param name="panels">1 to <see cref="MostPanels"/>.</param>
    /// <param name="rows">1 to <see cref="MostRows"/>.</param>
    /// <returns>A function of <see cref="BFloat16TileArguments"/>; null where the system refuses to run it.</returns>
    public static unsafe delegate* unmanaged<void*, void> Multiply(int panels, int rows) => Make(c =>
    {
        int sums = panels * rows, spare = 32 - sums - panels, used = 0;
        Load(c, rdi, r11, rbx, rsi, r13, r14);
        c.lea(rax, __qword_ptr[r11 + r11 * 2]);
        for (int i = 0; i < sums; i++)
        {
            c.vpxord(Z[i], Z[i], Z[i]);
        }

        Label block = c.CreateLabel();
        c.Label(ref block);
        for (int line = 0; line < Lines; line++)
        {
            for (int p = 0; p < panels; p++)
            {
                c.vmovups(Z[sums + p], Panel(p, line * LineBytes));
            }

            for (int t = 0; t < rows; t++)
            {
                AssemblerRegisterZMM x = Z[sums + panels + (used++ % spare)];
                c.vpbroadcastd(x, __dword_ptr[rsi + (t * LineBytes) + (line * 4)]);
                for (int p = 0; p < panels; p++)
                {
                    c.vdpbf16ps(Z[(p * rows) + t], Z[sums + p], x);
                }
            }
        }

        c.add(rdi, Lines * LineBytes);
        c.add(rsi, rows * LineBytes);
        c.dec(rbx);
        c.jnz(block);
        for (int t = 0; t < rows; t++)
        {
            for (int p = 0; p < panels; p++)
            {
                c.vmovups(__zmmword_ptr[r13 + (p * LineBytes)], Z[(p * rows) + t]);
            }

            c.add(r13, r14);
        }
    });

    /// <summary>Writes the rounding of some rows to bfloat16, to nearest even, zeros behind the last column.</summary>
    /// <param name="rows">1 to <see cref="MostRows"/>.</param>
    /// <returns>A function of <see cref="BFloat16RoundArguments"/>; null where the system refuses to run it.</returns>
    public static unsafe delegate* unmanaged<void*, void> Round(int rows) => Make(c =>
    {
        const int HalfBytes = BlockColumns / 2 * sizeof(float);
        Load(c, rdi, r9, rbx, rsi, rcx);
        Label block = c.CreateLabel(), rest = c.CreateLabel(), done = c.CreateLabel();
        c.test(rbx, rbx);
        c.jz(rest);
        c.Label(ref block);
        c.mov(r11, rdi);
        for (int t = 0; t < rows; t++)
        {
            c.vmovups(Z[t], __zmmword_ptr[r11 + HalfBytes]);
            c.vcvtne2ps2bf16(Z[t], Z[t], __zmmword_ptr[r11]);
            c.vmovups(__zmmword_ptr[rsi + (t * LineBytes)], Z[t]);
            c.add(r11, r9);
        }

        c.add(rdi, 2 * HalfBytes);
        c.add(rsi, rows * LineBytes);
        c.dec(rbx);
        c.jnz(block);

        c.Label(ref rest);
        c.test(rcx, rcx);
        c.jz(done);
        c.kmovw(k1, ecx);
        c.shr(ecx, BlockColumns / 2);
        c.kmovw(k2, ecx);
        for (int t = 0; t < rows; t++)
        {
            c.vmovups(Z[t].k2.z, __zmmword_ptr[rdi + HalfBytes]);
            c.vmovups(Z[MostRows + t].k1.z, __zmmword_ptr[rdi]);
            c.vcvtne2ps2bf16(Z[t], Z[t], Z[MostRows + t]);
            c.vmovups(__zmmword_ptr[rsi + (t * LineBytes)], Z[t]);
            c.add(rdi, r9);
        }

        c.Label(ref done);
    });

    /// <summary>A line of panel p.</summary>
    static AssemblerMemoryOperand Panel(int p, int offset) => p switch
    {
        0 => __zmmword_ptr[rdi + offset],
        1 => __zmmword_ptr[rdi + r11 + offset],
        2 => __zmmword_ptr[rdi + r11 * 2 + offset],
        _ => __zmmword_ptr[rdi + rax + offset],
    };
}

using System.Runtime.InteropServices;
using GemmaSharp.Numerics.MachineCode;
using Iced.Intel;
using static GemmaSharp.Numerics.MachineCode.KernelWriter;
using static Iced.Intel.AssemblerRegisters;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Arguments of an assembled tile.</summary>
unsafe struct AssembledTileArguments
{
    /// <summary>The first panel.</summary>
    public byte* Panels;

    /// <summary>Bytes from panel to panel.</summary>
    public nint PanelBytes;

    /// <summary>Blocks of a panel.</summary>
    public nint Blocks;

    /// <summary>The first token's integers.</summary>
    public byte* X;

    /// <summary>Its steps and sums.</summary>
    public float* Steps;

    /// <summary>Bytes from token to token of both.</summary>
    public nint TokenBytes;

    /// <summary>Receives the sums of the first token's rows, side by side.</summary>
    public float* Y;

    /// <summary>Bytes from token to token there.</summary>
    public nint YStride;

    /// <summary>Room for the sums of a tile that has too many for the registers, aligned to 64 bytes.</summary>
    public float* Sums;
}

/// <summary>
/// <see cref="PackedTile{TLanes, TFloat, TCodes, TScales}"/> as machine code with 512-bit <c>vpdpbusd</c> and <c>vpdpwssd</c>, which .NET has no intrinsics
/// for: some panels by some tokens, with the same chain of operations for a row's sum, hence the same bits.
/// </summary>
/// <remarks>
/// <para>
/// Registers: rdi weights, r11 from panel to panel, rax three times as many; rcx what is fetched ahead; rsi integers and r8 steps of the first token, rdx and
/// r10 those of the fourth, r9 from token to token; rbx blocks left; r12 sums in memory; k1 selects upper halves of 32-bit lanes.
/// </para>
/// <para>A whole block is written out, so that every shift and place is a constant.</para>
/// </remarks>
/// <param name="form">What codes and scales are.</param>
/// <param name="panels">1 or 4.</param>
/// <param name="tokens">1 to 6; no more than 24 sums.</param>
sealed class AssembledTile(PackedForm form, int panels, int tokens)
{
    /// <summary>Most panels of a tile.</summary>
    public const int MostPanels = 4;

    /// <summary>Most tokens of a tile.</summary>
    public const int MostTokens = 6;

    /// <summary>Bytes asked for ahead of their use.</summary>
    const int Ahead = 1536;

    /// <summary>So few tokens are bound by memory.</summary>
    const int FetchTokens = 4;

    // What stays in registers that sums, codes and a broadcast leave over.
    static readonly AssemblerRegisterZMM s_low = Z[31], s_high = Z[30], s_even = Z[29], s_table = Z[30];

    readonly int _sums = panels * tokens;
    readonly List<(Label Place, uint[] Words)> _constants = [];

    /// <summary>Writes the tile.</summary>
    /// <returns>The function; null where the system refuses to run it.</returns>
    public static unsafe delegate* unmanaged<void*, void> Make(PackedForm form, int panels, int tokens)
    {
        AssembledTile tile = new(form, panels, tokens);
        return KernelWriter.Make(tile.Body, tile.Constants);
    }

    /// <summary>Whether sums stay in registers beside the integer sums of a group.</summary>
    bool InRegisters => _sums <= 12;

    /// <summary>The first register without a sum.</summary>
    int Free => InRegisters ? 2 * _sums : _sums;

    bool Fetches => tokens <= FetchTokens;

    int BlockLines => form.BlockBytes / PackedForm.LineBytes;

    AssemblerRegisterZMM Dot(int p, int t) => Z[p * tokens + t];

    AssemblerRegisterZMM Sum(int p, int t) => Z[_sums + p * tokens + t];

    AssemblerMemoryOperand SumAside(int p, int t) => __zmmword_ptr[r12 + (p * tokens + t) * 64];

    void Body(Assembler c)
    {
        LoadArguments(c);
        Label block = c.CreateLabel();
        for (int i = 0; i < _sums; i++)
        {
            Clear(c, InRegisters ? Z[_sums + i] : Z[0]);
            if (!InRegisters)
            {
                c.vmovaps(SumAside(0, i), Z[0]);
            }
        }

        c.Label(ref block);
        if (Fetches && panels > 1)
        {
            // What comes behind the end of a panel is mostly in the tile: the next rows begin behind its last panel.
            Label stay = c.CreateLabel();
            c.cmp(rbx, (Ahead + form.BlockBytes - 1) / form.BlockBytes);
            c.jne(stay);
            c.add(rcx, rax);
            c.Label(ref stay);
        }

        int eights = form.BlockColumns / 8, groupEights = form.GroupSize / 8, fetched = 0;
        for (int eight = 0; eight < eights; eight++)
        {
            if (eight % groupEights == 0)
            {
                for (int i = 0; i < _sums; i++)
                {
                    Clear(c, Z[i]);
                }
            }

            for (; Fetches && fetched < (eight + 1) * BlockLines / eights; fetched++)
            {
                for (int p = 0; p < panels; p++)
                {
                    c.prefetcht0(Panel(rcx, p, fetched * PackedForm.LineBytes));
                }
            }

            Four(c, eight, 0);
            Four(c, eight, 1);
            if ((eight + 1) % groupEights == 0)
            {
                Fold(c, eight / groupEights);
            }
        }

        c.add(rdi, form.BlockBytes);
        c.add(rcx, form.BlockBytes);
        c.add(rsi, form.BlockColumns * form.ActivationBytes);
        c.add(r8, 2 * sizeof(float) * form.BlockGroups);
        if (tokens > 3)
        {
            c.add(rdx, form.BlockColumns * form.ActivationBytes);
            c.add(r10, 2 * sizeof(float) * form.BlockGroups);
        }

        c.dec(rbx);
        c.jnz(block);
        Store(c);
    }

    void LoadArguments(Assembler c)
    {
        Load(c, rdi, r11, rbx, rsi, r8, r9, r13, r14, r12);
        c.mov(eax, 0xAAAAAAAA);
        c.kmovd(k1, eax);
        c.lea(rax, __qword_ptr[r11 + r11 * 2]);
        c.lea(rcx, __qword_ptr[rdi + (Ahead + form.BlockBytes - 1) / form.BlockBytes * form.BlockBytes]);
        if (tokens > 3)
        {
            c.lea(rdx, __qword_ptr[r9 + r9 * 2]);
            c.lea(r10, __qword_ptr[r8 + rdx]);
            c.add(rdx, rsi);
        }

        switch (form.Codes)
        {
            case PackedCodes.Two:
                Repeat(c, s_low, 0x03030303);
                break;
            case PackedCodes.Three:
                Repeat(c, s_low, 0x03030303);
                Repeat(c, s_high, 0x04040404);
                break;
            case PackedCodes.Five:
                Repeat(c, s_low, 0x0F0F0F0F);
                Repeat(c, s_high, 0x10101010);
                break;
            case PackedCodes.Six:
                Repeat(c, s_low, 0x0F0F0F0F);
                Repeat(c, s_high, 0x30303030);
                break;
            case PackedCodes.Eight:
                Repeat(c, s_even, 0x00FF00FF);
                break;
            case PackedCodes.Fp4:
                Repeat(c, s_low, 0x0F0F0F0F);
                c.vbroadcasti32x4(s_table, __xmmword_ptr[Constant(c, Fp4Codes.Integers)]);
                break;
            case PackedCodes.Uneven:
                Repeat(c, s_low, 0x0F0F0F0F);
                Repeat(c, s_even, 0x00FF00FF);
                c.vbroadcasti32x4(s_table, __xmmword_ptr[Constant(c, UnevenCodes.Integers)]);
                break;
            default:
                Repeat(c, s_low, 0x0F0F0F0F);
                break;
        }
    }

    /// <summary>Four columns of every panel with every token.</summary>
    void Four(Assembler c, int eight, int half)
    {
        int x = (2 * eight + half) * 4 * form.ActivationBytes;
        AssemblerRegisterZMM free = Z[Free], last = Z[Free + panels];
        if (form.ActivationBytes == 2)
        {
            for (int p = 0; p < panels; p++)
            {
                // First and third column, second and fourth: unsigned codes as 16-bit numbers.
                AssemblerRegisterZMM even = Z[Free], odd = Z[Free + 1];
                Codes(c, odd, odd, p, eight, half);
                c.vpandd(even, odd, s_even);
                c.vpsrlw(odd, odd, 8);
                for (int t = 0; t < tokens; t++)
                {
                    c.vpdpwssd(Dot(p, t), even, Integers(t, x));
                    c.vpdpwssd(Dot(p, t), odd, Integers(t, x + 4));
                }
            }

            return;
        }

        // The register that the broadcast takes later is free for parts of the codes until then.
        for (int p = 0; p < panels; p++)
        {
            Codes(c, Z[Free + p], last, p, eight, half);
        }

        for (int t = 0; t < tokens; t++)
        {
            if (panels == 1)
            {
                c.vpdpbusd(Dot(0, t), free, Integers(t, x));
                continue;
            }

            c.vpbroadcastd(last, Token(rsi, rdx, t, x, __dword_ptr));
            for (int p = 0; p < panels; p++)
            {
                c.vpdpbusd(Dot(p, t), Z[Free + p], last);
            }
        }
    }

    /// <summary>Unsigned numbers of four columns of a panel's rows.</summary>
    void Codes(Assembler c, AssemblerRegisterZMM codes, AssemblerRegisterZMM part, int p, int eight, int half)
    {
        int line = eight & 3, four = 2 * line + half, span = (eight >> 2) * (form.Bits * PackedForm.LineBytes);
        AssemblerMemoryOperand At(int l) => Panel(rdi, p, span + l * PackedForm.LineBytes);
        switch (form.Codes)
        {
            case PackedCodes.Two:
                Low(c, codes, At(four >> 2), 2 * (four & 3));
                break;
            case PackedCodes.Three:
                Low(c, codes, At(four >> 2), 2 * (four & 3));
                High(c, codes, part, At(2), 2 - four);
                break;
            case PackedCodes.Five:
                Low(c, codes, At(line), 4 * half);
                High(c, codes, part, At(4), 4 - four);
                break;
            case PackedCodes.Six:
                Low(c, codes, At(line), 4 * half);
                High(c, codes, part, At(4 + (line >> 1)), 4 - 2 * (four & 3));
                break;
            case PackedCodes.Eight:
                c.vmovdqu32(codes, At(four));
                break;
            case PackedCodes.Fp4 or PackedCodes.Uneven:
                Low(c, codes, At(line), 4 * half);
                c.vpshufb(codes, s_table, codes);
                break;
            default:
                Low(c, codes, At(line), 4 * half);
                break;
        }
    }

    /// <summary><c>(line » shift) &amp; mask</c>.</summary>
    static void Low(Assembler c, AssemblerRegisterZMM codes, AssemblerMemoryOperand line, int shift)
    {
        if (shift == 0)
        {
            c.vpandd(codes, s_low, line);
            return;
        }

        c.vpsrlw(codes, line, (byte)shift);
        c.vpandd(codes, codes, s_low);
    }

    /// <summary><c>codes | (line « shift) &amp; mask</c>; a negative shift goes to the right.</summary>
    static void High(Assembler c, AssemblerRegisterZMM codes, AssemblerRegisterZMM part, AssemblerMemoryOperand line, int shift)
    {
        switch (shift)
        {
            case 0:
                c.vmovdqu32(part, line);
                break;
            case > 0:
                c.vpsllw(part, line, (byte)shift);
                break;
            default:
                c.vpsrlw(part, line, (byte)-shift);
                break;
        }

        const byte FirstOrBothOthers = 0xF8;
        c.vpternlogd(codes, part, s_high, FirstOrBothOthers);
    }

    /// <summary><c>sum = fma(b, d·Σq, fma(float(Σ c·q), s · d, sum))</c> of a group.</summary>
    void Fold(Assembler c, int group)
    {
        AssemblerRegisterZMM scale = Z[Free], bias = Z[Free + 1], factor = Z[Free + 2];
        int step = 2 * sizeof(float) * group;
        for (int p = 0; p < panels; p++)
        {
            Scale(c, scale, p, group);
            Bias(c, bias, scale, p, group);
            for (int t = 0; t < tokens; t++)
            {
                c.vcvtdq2ps(Dot(p, t), Dot(p, t));
                c.vmulps(factor, scale, Token(r8, r10, t, step, __dword_bcst));
                if (InRegisters)
                {
                    c.vfmadd231ps(Sum(p, t), Dot(p, t), factor);
                    c.vfmadd231ps(Sum(p, t), bias, Token(r8, r10, t, step + sizeof(float), __dword_bcst));
                    continue;
                }

                c.vfmadd213ps(factor, Dot(p, t), SumAside(p, t));
                c.vfmadd231ps(factor, bias, Token(r8, r10, t, step + sizeof(float), __dword_bcst));
                c.vmovaps(SumAside(p, t), factor);
            }
        }
    }

    /// <summary>Scales of a group, as <see cref="IPackedScales.Scale"/>.</summary>
    void Scale(Assembler c, AssemblerRegisterZMM scale, int p, int group)
    {
        switch (form.Scales)
        {
            case PackedScales.BFloat16Pairs:
            case PackedScales.BFloat16Singles when group == 0:
                c.vpslld(scale, Scales(p, 0), 16);
                break;
            case PackedScales.BFloat16Singles:
                c.vmovdqu16(scale.k1.z, Scales(p, 0));
                break;
            case PackedScales.HalfPairs:
            case PackedScales.HalfSingles when group == 0:
                c.vpslld(scale, Scales(p, 0), 16);
                c.vpsrad(scale, scale, 3);
                Half(c, scale);
                break;
            case PackedScales.HalfSingles:
                c.vpsrad(scale, Scales(p, 0), 3);
                Half(c, scale);
                break;
            case PackedScales.FloatPairs:
                c.vmovups(scale, Scales(p, 0));
                break;
            case PackedScales.SuperPairs:
                Byte(c, scale, Scales(p, group >> 1), 16 * (group & 1));
                c.vmulps(scale, scale, Scales(p, form.BlockGroups >> 1));
                break;
            case PackedScales.SuperSingles:
                c.vpslld(scale, Scales(p, group >> 2), (byte)(24 - 8 * (group & 3)));
                c.vpsrad(scale, scale, 24);
                c.vcvtdq2ps(scale, scale);
                c.vmulps(scale, scale, Scales(p, form.BlockGroups >> 2));
                break;
            default:
                throw new InvalidOperationException($"No tile is written for {form.Scales}.");
        }
    }

    /// <summary>Biases of a group, as <see cref="IPackedScales.Bias"/>.</summary>
    void Bias(Assembler c, AssemblerRegisterZMM bias, AssemblerRegisterZMM scale, int p, int group)
    {
        switch (form.Scales)
        {
            case PackedScales.BFloat16Pairs:
                c.vmovdqu16(bias.k1.z, Scales(p, 0));
                break;
            case PackedScales.HalfPairs:
                c.vpsrad(bias, Scales(p, 0), 3);
                Half(c, bias);
                break;
            case PackedScales.FloatPairs:
                c.vmovups(bias, Scales(p, 1));
                break;
            case PackedScales.SuperPairs:
                Byte(c, bias, Scales(p, group >> 1), 16 * (group & 1) + 8);
                c.vmulps(bias, bias, Scales(p, (form.BlockGroups >> 1) + 1));
                break;
            default:
                c.vmulps(bias, scale, __dword_bcst[Constant(c, BitConverter.SingleToUInt32Bits(form.BiasFactor))]);
                break;
        }
    }

    /// <summary>
    /// Sign and magnitude, moved to where a float32 has them, become a number: a power of two makes up for the other bias of the exponent, and makes subnormals
    /// normal.
    /// </summary>
    void Half(Assembler c, AssemblerRegisterZMM value)
    {
        c.vpandd(value, value, __dword_bcst[Constant(c, 0x8FFFE000)]);
        c.vmulps(value, value, __dword_bcst[Constant(c, 239u << 23)]);
    }

    void Byte(Assembler c, AssemblerRegisterZMM value, AssemblerMemoryOperand words, int shift)
    {
        c.vpsrld(value, words, (byte)shift);
        if (shift < 24)
        {
            c.vpandd(value, value, __dword_bcst[Constant(c, 0xFF)]);
        }

        c.vcvtdq2ps(value, value);
    }

    void Store(Assembler c)
    {
        for (int t = 0; t < tokens; t++)
        {
            for (int p = 0; p < panels; p++)
            {
                AssemblerRegisterZMM sum = InRegisters ? Sum(p, t) : Z[0];
                if (!InRegisters)
                {
                    c.vmovaps(sum, SumAside(p, t));
                }

                c.vmovups(__zmmword_ptr[r13 + p * PackedForm.LineBytes], sum);
            }

            c.add(r13, r14);
        }
    }

    /// <summary>A line of a block's scales.</summary>
    AssemblerMemoryOperand Scales(int p, int line) => Panel(rdi, p, form.CodeBytes + line * PackedForm.LineBytes);

    /// <summary>Four bytes of a token's integers in every lane.</summary>
    static AssemblerMemoryOperand Integers(int t, int offset) => Token(rsi, rdx, t, offset, __dword_bcst);

    /// <summary>A place in a token's data.</summary>
    static AssemblerMemoryOperand Token(AssemblerRegister64 first, AssemblerRegister64 fourth, int t, int offset, AssemblerMemoryOperandFactory size)
    {
        AssemblerRegister64 from = t < 3 ? first : fourth;
        return (t % 3) switch
        {
            0 => size[from + offset],
            1 => size[from + r9 + offset],
            _ => size[from + r9 * 2 + offset],
        };
    }

    /// <summary>A line of a panel.</summary>
    static AssemblerMemoryOperand Panel(AssemblerRegister64 from, int p, int offset) => p switch
    {
        0 => __zmmword_ptr[from + offset],
        1 => __zmmword_ptr[from + r11 + offset],
        2 => __zmmword_ptr[from + r11 * 2 + offset],
        _ => __zmmword_ptr[from + rax + offset],
    };

    static void Clear(Assembler c, AssemblerRegisterZMM register) => c.vpxord(register, register, register);

    /// <summary>The same four bytes in every lane.</summary>
    void Repeat(Assembler c, AssemblerRegisterZMM register, uint bytes) => c.vpbroadcastd(register, __dword_ptr[Constant(c, bytes)]);

    Label Constant(Assembler c, uint word) => Constant(c, [word]);

    Label Constant(Assembler c, ReadOnlySpan<byte> bytes) =>
        Constant(c, MemoryMarshal.Cast<byte, uint>(bytes).ToArray());

    /// <summary>The place of words behind the code.</summary>
    Label Constant(Assembler c, uint[] words)
    {
        foreach ((Label place, uint[] kept) in _constants)
        {
            if (kept.AsSpan().SequenceEqual(words))
            {
                return place;
            }
        }

        Label made = c.CreateLabel();
        _constants.Add((made, words));
        return made;
    }

    void Constants(Assembler c)
    {
        foreach ((Label place, uint[] words) in _constants)
        {
            Label here = place;
            c.Label(ref here);
            foreach (uint word in words)
            {
                c.dd(word);
            }
        }
    }
}

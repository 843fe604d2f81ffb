using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace GemmaSharp.Numerics.MachineCode;

/// <summary>Writes kernels as machine code at run time: functions of one pointer to a block of arguments.</summary>
/// <remarks>
/// <para>
/// One pointer makes the calling conventions of Windows and of all other systems differ in a few instructions. A kernel calls nothing and throws nothing, so a
/// stack walk begins at its caller and needs no tables; a fault inside one ends the process, as in any native code.
/// </para>
/// <para>Calls are plain unmanaged ones: while a kernel runs, the garbage collector does not wait for its thread.</para>
/// </remarks>
static unsafe class KernelWriter
{
    static readonly AssemblerRegister64[] s_saved = OperatingSystem.IsWindows() ? [rbx, r12, r13, r14, rdi, rsi] : [rbx, r12, r13, r14];

    /// <summary>All vector registers.</summary>
    public static readonly AssemblerRegisterZMM[] Z =
    [
        zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15,
        zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31,
    ];

    static readonly AssemblerRegisterXMM[] s_savedVectors = [xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15];

    /// <summary>Where a kernel finds its pointer.</summary>
    public static AssemblerRegister64 Argument => OperatingSystem.IsWindows() ? rcx : rdi;

    /// <summary>Loads the block of arguments, eight bytes each, into registers; r10 is lost.</summary>
    /// <param name="c">Where the instructions go.</param>
    /// <param name="registers">One for each argument, in order.</param>
    public static void Load(Assembler c, params ReadOnlySpan<AssemblerRegister64> registers)
    {
        c.mov(r10, Argument);
        for (int i = 0; i < registers.Length; i++)
        {
            c.mov(registers[i], __qword_ptr[r10 + (i * sizeof(long))]);
        }
    }

    /// <summary>Assembles a kernel and makes it executable.</summary>
    /// <param name="body">
    /// Writes the instructions between entry and return. They may use every vector and mask register, rax, rcx, rdx, rdi, rsi, rbx and r8 to r14.
    /// </param>
    /// <param name="constants">Writes what lies behind the return, for operands relative to the instruction.</param>
    /// <returns>The kernel; null where the system refuses to run it.</returns>
    public static delegate* unmanaged<void*, void> Make(Action<Assembler> body, Action<Assembler>? constants = null)
    {
        Assembler c = new(64);
        foreach (AssemblerRegister64 register in s_saved)
        {
            c.push(register);
        }

        if (OperatingSystem.IsWindows())
        {
            c.sub(rsp, 16 * s_savedVectors.Length);
            for (int i = 0; i < s_savedVectors.Length; i++)
            {
                c.vmovups(__xmmword_ptr[rsp + 16 * i], s_savedVectors[i]);
            }
        }

        body(c);
        c.vzeroupper();
        if (OperatingSystem.IsWindows())
        {
            for (int i = 0; i < s_savedVectors.Length; i++)
            {
                c.vmovups(s_savedVectors[i], __xmmword_ptr[rsp + 16 * i]);
            }

            c.add(rsp, 16 * s_savedVectors.Length);
        }

        foreach (AssemblerRegister64 register in s_saved.Reverse())
        {
            c.pop(register);
        }

        c.ret();
        constants?.Invoke(c);
        using MemoryStream code = new();
        c.Assemble(new StreamCodeWriter(code), rip: 0);
        return (delegate* unmanaged<void*, void>)ExecutableMemory.Map(code.GetBuffer().AsSpan(0, (int)code.Length));
    }
}

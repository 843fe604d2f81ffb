using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using static Iced.Intel.AssemblerRegisters;

namespace GemmaSharp.Numerics.MachineCode;

/// <summary>Instructions that .NET has no intrinsics for, and whether this processor and system have them. Asked once.</summary>
/// <remarks>
/// Where code is compiled at run time, the runtime's own answer comes first, so that its switches (<c>DOTNET_EnableAVX512=0</c>) hold here, too. A program
/// compiled ahead of time has only the answer for the processor it was compiled for; there the processor is asked.
/// </remarks>
static unsafe class Processor
{
    /// <summary>AVX-512 F, BW and VL at 512 bits.</summary>
    public static bool HasAvx512 { get; } = AsksForAvx512();

    /// <summary>512-bit <c>vpdpbusd</c> and <c>vpdpwssd</c>, with the byte and word instructions of AVX-512.</summary>
    public static bool HasVnni512 { get; } = HasAvx512 && Bit(X86Base.CpuId(7, 0).Ecx, 11);

    /// <summary>512-bit <c>vdpbf16ps</c> and <c>vcvtne2ps2bf16</c>.</summary>
    public static bool HasBFloat16 { get; } = HasAvx512 && X86Base.CpuId(7, 0).Eax >= 1 && Bit(X86Base.CpuId(7, 1).Eax, 5);

    /// <summary>AVX-512 F, BW and VL, and a system that saves the registers.</summary>
    static bool AsksForAvx512()
    {
        if (!X86Base.X64.IsSupported || (AppContext.TryGetSwitch("GemmaSharp.MachineCode", out bool wanted) && !wanted))
        {
            return false;
        }

        if (RuntimeFeature.IsDynamicCodeCompiled)
        {
            return Avx512BW.IsSupported && KernelWriter.Make(_ => { }) != null;
        }

        int features = X86Base.CpuId(1, 0).Ecx;
        if (!Bit(features, 27) || !Bit(features, 28) || X86Base.CpuId(0, 0).Eax < 7)
        {
            // No XGETBV, or no AVX, or not even a place where AVX-512 would be told.
            return false;
        }

        long state = 0;
        delegate* unmanaged<void*, void> read = KernelWriter.Make(c =>
        {
            c.mov(r10, KernelWriter.Argument);
            c.xor(ecx, ecx);
            c.xgetbv();
            c.mov(__dword_ptr[r10], eax);
        });
        if (read == null)
        {
            return false;
        }

        read(&state);

        // XMM, YMM, the masks, and both parts of ZMM.
        const int Saved = 0xE6;
        int extended = X86Base.CpuId(7, 0).Ebx;
        return (state & Saved) == Saved && Bit(extended, 16) && Bit(extended, 30) && Bit(extended, 31);
    }

    static bool Bit(int register, int bit) => ((register >> bit) & 1) != 0;
}

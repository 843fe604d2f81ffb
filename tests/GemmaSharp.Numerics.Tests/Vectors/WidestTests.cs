using System.Runtime.Intrinsics;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Vectors;

/// <summary>Each rung of the ladder; <c>test.sh</c> runs this on machines that pretend to have fewer of them.</summary>
public class WidestTests
{
    [Fact]
    public void Run_ThisMachine_TakesTheWidestFastWidth()
    {
        int expected = Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : Vector128.IsHardwareAccelerated ? 4 : 1;
        int lanes = 0;
        Widest.Run(new Record(ref lanes));
        Assert.Equal(expected, lanes);
        Assert.Equal(expected, Widest.Lanes);
        Assert.Equal(expected, Widest.Run<Count, int>(default));
    }

    [Fact]
    public void RunCodes_ThisMachine_TakesTheWidestWithAllInstructions()
    {
        int bytes = -1;
        Widest.RunCodes(new RecordCodes(ref bytes));
        Assert.Equal(U8x64.IsSupported ? 64 : U8x32.IsSupported ? 32 : Vector128.IsHardwareAccelerated ? 16 : 4, bytes);
    }

    [Theory]
    [InlineData("EnableAVX512", 8)]
    [InlineData("EnableAVX2", 4)]
    [InlineData("EnableHWIntrinsic", 1)]
    public void Lanes_WidthSwitchedOff_AreFewer(string instructions, int most)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("DOTNET_" + instructions) == "0", $"DOTNET_{instructions} is not 0 in this run.");
        Assert.InRange(Widest.Lanes, 1, most);
    }

    readonly ref struct Record(ref int lanes) : IWidthKernel
    {
        readonly ref int _lanes = ref lanes;

        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => _lanes = TVector.Count;
    }

    readonly struct Count : IWidthFunction<int>
    {
        public int Run<TVector>()
            where TVector : struct, IVector<TVector> => TVector.Count;
    }

    readonly ref struct RecordCodes(ref int bytes) : ICodeKernel
    {
        readonly ref int _bytes = ref bytes;

        public void Run<TLanes, TFloat>()
            where TLanes : struct, ICodeLanes<TLanes, TFloat>
            where TFloat : struct, IVector<TFloat> => _bytes = TLanes.Bytes;
    }
}

using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Tests.Threading;

public class MachineProbeTests
{
    [Fact]
    public void Measure_OneThread_GivesPlausibleFigures()
    {
        using WorkerTeam team = new(1);
        Assert.InRange(MachineProbe.MeasureReadBandwidth(team), 1e6, 1e13);
        Assert.InRange(MachineProbe.MeasureFloatPeak(team), 1e6, 1e14);
    }

    [Fact]
    public void InstructionSet_WidthSwitchedOff_IsTheNarrowerOne()
    {
        if (Environment.GetEnvironmentVariable("DOTNET_EnableHWIntrinsic") == "0")
        {
            Assert.Equal(1, MachineProbe.VectorLanes);
        }
        else if (Environment.GetEnvironmentVariable("DOTNET_EnableAVX2") == "0")
        {
            Assert.True(MachineProbe.VectorLanes <= 4);
        }
        else if (Environment.GetEnvironmentVariable("DOTNET_EnableAVX512") == "0")
        {
            Assert.True(MachineProbe.VectorLanes <= 8);
        }
        Assert.NotEmpty(MachineProbe.InstructionSet);
    }
}

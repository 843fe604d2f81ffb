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
        Assert.InRange(MachineProbe.MeasureIntegerPeak(team), 1e6, 1e15);
    }

    [Fact]
    public void LoopStart_TwoThreads_MeetInEveryLoop()
    {
        using WorkerTeam team = new(2);
        uint before = team.Loops;
        Assert.InRange(MachineProbe.MeasureLoopStart(team), 1e-9, 1);
        Assert.True(team.Loops - before >= 1000);
    }

    [Fact]
    public void ProcessorName_HasNoControlCharacters() => Assert.Matches("^[ -~]{3,90}$", MachineProbe.ProcessorName);

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

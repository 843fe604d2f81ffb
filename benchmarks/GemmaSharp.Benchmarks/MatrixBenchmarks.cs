using BenchmarkDotNet.Attributes;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Benchmarks;

/// <summary>One projection of the text model, 2,048 to 2,048 features, for a token, a small batch and a piece of a prompt.</summary>
[MemoryDiagnoser]
public class MatrixBenchmarks : IDisposable
{
    const int Features = 2048;

    WorkerTeam _team = null!;
    NativeBlock _block = null!;
    DenseMatrix _matrix = null!;
    float[] _x = [];
    float[] _y = [];

    [Params(ElementType.BF16, ElementType.F16, ElementType.F32)]
    public ElementType Format { get; set; }

    [Params(1, 4, 128)]
    public int Tokens { get; set; }

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _team = new WorkerTeam(Threads);
        _block = Weights.Random(Format, (long)Features * Features);
        _matrix = new DenseMatrix(new TensorData(_block, 0, Format, [Features, Features]));
        _x = Weights.Singles(Tokens * Features);
        _y = new float[Tokens * Features];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _team.Dispose();
        _block.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Multiply() => _matrix.Multiply(_x, Tokens, _y, _team);
}

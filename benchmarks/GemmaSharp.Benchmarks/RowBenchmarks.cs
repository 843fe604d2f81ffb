using BenchmarkDotNet.Attributes;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Benchmarks;

/// <summary>Kernels over one row, at the widths the text model gives them.</summary>
[MemoryDiagnoser]
public class RowBenchmarks
{
    float[] _x = [];
    float[] _y = [];
    float[] _z = [];

    [Params(256, 2048, 8192)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _x = Weights.Singles(Length);
        _y = Weights.Singles(Length);
        _z = new float[Length];
    }

    [Benchmark]
    public void RmsNormApply() => RmsNormKernel.Apply(_x, _y, 1e-6f, _z);

    [Benchmark]
    public void GeluTanhMultiply() => Gelu.TanhMultiply(_x, _y, _z);

    [Benchmark]
    public void GaussianTopKApply() => GaussianTopK.Apply(_x, 1.64485f, _z);

    [Benchmark]
    public void SoftCapApply() => SoftCap.Apply(_x, 30, _z);

    [Benchmark]
    public void SoftmaxApply()
    {
        _x.CopyTo(_z, 0);
        Softmax.Apply(_z);
    }

    [Benchmark]
    public float Dot() => VectorMath.Dot(_x, _y);
}

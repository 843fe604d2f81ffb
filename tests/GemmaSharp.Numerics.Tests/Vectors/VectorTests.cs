using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Vectors;

/// <summary>Each width's operations against plain arithmetic, and their promises to each other.</summary>
public unsafe class VectorTests
{
    public static TheoryData<string> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Operations_RandomLanes_MatchPlainArithmetic(string width)
    {
        Widths.Run(width, default(OperationChecks));
    }

    readonly struct OperationChecks : IWidthKernel
    {
        public void Run<T>()
            where T : struct, IVector<T> => Check<T>();
    }

    static void Check<T>()
        where T : struct, IVector<T>
    {
        Random random = new(T.Count);
        for (int round = 0; round < 50; round++)
        {
            float[] a = Randoms.Singles(random, T.Count), b = Randoms.Singles(random, T.Count);
            float[] c = Randoms.Singles(random, T.Count), d = Randoms.Singles(random, T.Count);
            T va = Load<T>(a), vb = Load<T>(b), vc = Load<T>(c), vd = Load<T>(d);
            AssertLanes(va + vb, i => a[i] + b[i]);
            AssertLanes(va - vb, i => a[i] - b[i]);
            AssertLanes(va * vb, i => a[i] * b[i]);
            AssertLanes(va / vb, i => a[i] / b[i]);
            AssertLanes(T.MultiplyAdd(va, vb, vc), i => float.MultiplyAddEstimate(a[i], b[i], c[i]));
            AssertLanes(T.Max(va, vb), i => Math.Max(a[i], b[i]));
            AssertLanes(T.Min(va, vb), i => Math.Min(a[i], b[i]));
            AssertLanes(T.Abs(va), i => Math.Abs(a[i]));
            AssertLanes(T.CopySign(va, vb), i => MathF.CopySign(a[i], b[i]));
            AssertLanes(T.Round(va), i => MathF.Round(a[i]));
            AssertLanes(T.PowerOfTwo(T.Round(va)), i => MathF.ScaleB(1f, (int)MathF.Round(a[i])));
            AssertLanes(T.SelectLess(va, vb, vc, vd), i => a[i] < b[i] ? c[i] : d[i]);
            AssertLanes(T.Create(a[0]), _ => a[0]);
            AssertLanes(T.Zero, _ => 0f);
            Assert.Equal(a.Sum(value => (double)value), T.Sum(va), 1e-5);
            Assert.Equal(a.Max(), T.MaxLane(va));

            float[] sums = new float[4];
            fixed (float* p = sums)
            {
                T.StoreSums(va, vb, vc, vd, p);
            }
            Assert.Equal([T.Sum(va), T.Sum(vb), T.Sum(vc), T.Sum(vd)], sums);
        }

        sbyte[] bytes = [-128, -1, 0, 1, 127, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -12];
        fixed (sbyte* p = bytes)
        {
            AssertLanes(T.LoadSByte(p), i => bytes[i]);
        }

        byte* codes = stackalloc byte[16];
        for (int first = 0; first < 256; first += T.Count)
        {
            for (int i = 0; i < T.Count; i++)
            {
                codes[i] = (byte)(first + i);
            }

            AssertLanes(T.LoadByte(codes), i => codes[i]);
            AssertLanes(T.LoadE4M3(codes), i => MiniFloat.E4M3[codes[i]]);
        }
    }

    static T Load<T>(float[] values)
        where T : struct, IVector<T>
    {
        fixed (float* p = values)
        {
            return T.Load(p);
        }
    }

    static void AssertLanes<T>(T found, Func<int, float> expected)
        where T : struct, IVector<T>
    {
        float[] lanes = new float[T.Count];
        fixed (float* p = lanes)
        {
            T.Store(found, p);
        }
        for (int i = 0; i < lanes.Length; i++)
        {
            Assert.Equal(expected(i), lanes[i]);
        }
    }
}

using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>Ways to break a checkpoint without changing a shape, as a careless conversion does.</summary>
public static class Faults
{
    /// <summary>Exchanges the contents of two tensors of one shape.</summary>
    public static Func<List<TinyTensor>, IEnumerable<TinyTensor>> Swap(string first, string second) => tensors =>
    {
        TinyTensor a = Find(tensors, first), b = Find(tensors, second);
        Assert.Equal(a.Shape, b.Shape);
        return tensors.Select(t => t == a ? a with { Bytes = b.Bytes } : t == b ? b with { Bytes = a.Bytes } : t);
    };

    /// <summary>Transposes a square matrix.</summary>
    public static Func<List<TinyTensor>, IEnumerable<TinyTensor>> Transpose(string name) => Change(name, (values, shape) =>
    {
        Assert.Equal(shape[0], shape[1]);
        int n = (int)shape[0];
        return [.. Enumerable.Range(0, n * n).Select(i => values[(i % n * n) + (i / n)])];
    });

    /// <summary>Exchanges rows and columns of every kernel.</summary>
    public static Func<List<TinyTensor>, IEnumerable<TinyTensor>> TurnKernels(string name) => Change(name, (values, shape) =>
    {
        int k = (int)shape[^1];
        Assert.True(shape.Length == 4 && shape[2] == k && k > 1);
        return [.. Enumerable.Range(0, values.Length).Select(i => values[(i / (k * k) * k * k) + (i % k * k) + (i / k % k)])];
    });

    /// <summary>Moves every row of a matrix, or every element of a vector, one place on.</summary>
    public static Func<List<TinyTensor>, IEnumerable<TinyTensor>> Roll(string name) => Change(name, (values, shape) =>
    {
        int row = values.Length / (int)shape[0];
        return [.. values[row..], .. values[..row]];
    });

    /// <summary>Moves every element of the last axis one place on, so that columns meet the wrong inputs.</summary>
    public static Func<List<TinyTensor>, IEnumerable<TinyTensor>> RollColumns(string name) => Change(name, (values, shape) =>
    {
        int n = (int)shape[^1];
        return [.. Enumerable.Range(0, values.Length).Select(i => values[(i / n * n) + ((i + 1) % n)])];
    });

    /// <summary>Sets every element to zero.</summary>
    public static Func<List<TinyTensor>, IEnumerable<TinyTensor>> Zero(string name) => Change(name, (values, _) => new ushort[values.Length]);

    static Func<List<TinyTensor>, IEnumerable<TinyTensor>> Change(string name, Func<ushort[], long[], ushort[]> change) => tensors =>
    {
        TinyTensor found = Find(tensors, name);
        ushort[] values = MemoryMarshal.Cast<byte, ushort>(found.Bytes).ToArray();
        ushort[] changed = change(values, found.Shape);
        Assert.Equal(values.Length, changed.Length);
        return tensors.Select(t => t == found ? found with { Bytes = MemoryMarshal.AsBytes(changed.AsSpan()).ToArray() } : t);
    };

    static TinyTensor Find(List<TinyTensor> tensors, string name) => Assert.Single(tensors, t => t.Name == "model." + name);
}

using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Layers;

/// <summary>The matrices of a tower whose products round activations to bfloat16, where machine and options allow it and the tower is large.</summary>
/// <remarks>Filled while the model is built by one thread, then only read.</remarks>
sealed class ReducedProducts
{
    /// <summary>Smaller towers take milliseconds either way, so they keep the reference's arithmetic. The published ones have hundreds of millions.</summary>
    public const long LeastWorthwhile = 16 << 20;

    readonly List<ReducedMatrix> _all = [];
    readonly long _least;

    /// <summary>Matrices to be added.</summary>
    /// <param name="leastWeights">How many weights they must have together.</param>
    public ReducedProducts(long leastWeights) => _least = leastWeights;

    /// <summary>Whether products are reduced; not to be asked before all matrices are added.</summary>
    public bool Applies => ReducedMatrix.IsSupported && _all.Count > 0 && _all.Sum(weight => (long)weight.Rows * weight.Columns) >= _least;

    /// <summary>The matrix as the tower is to multiply with it.</summary>
    public WeightMatrix Add(WeightMatrix weight)
    {
        if (weight is not DenseMatrix dense)
        {
            return weight;
        }

        var reduced = new ReducedMatrix(dense);
        _all.Add(reduced);
        return reduced;
    }

    /// <summary>Makes the copies that products read. They are made once, with the first picture or sound: many conversations have none.</summary>
    /// <param name="team">The threads that share the work.</param>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public void Prepare(WorkerTeam team)
    {
        foreach (ReducedMatrix weight in Applies ? _all : [])
        {
            weight.Prepare(team);
        }
    }
}

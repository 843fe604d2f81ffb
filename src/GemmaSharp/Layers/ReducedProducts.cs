using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Layers;

/// <summary>The matrices of a tower whose products round activations to bfloat16, where the machine and the options allow it.</summary>
/// <remarks>Filled while the model is built by one thread, then only read.</remarks>
sealed class ReducedProducts
{
    readonly List<ReducedMatrix> _all = [];

    /// <summary>The matrix as the tower is to multiply with it.</summary>
    public WeightMatrix Add(WeightMatrix weight)
    {
        if (weight is not DenseMatrix dense || !ReducedMatrix.IsSupported)
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
        foreach (ReducedMatrix weight in _all)
        {
            weight.Pack(team);
        }
    }
}

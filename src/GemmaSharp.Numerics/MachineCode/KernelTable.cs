namespace GemmaSharp.Numerics.MachineCode;

/// <summary>Kernels of a kind by number, each written when first wanted and kept as long as the process.</summary>
/// <param name="count">How many numbers there are.</param>
/// <param name="write">Writes the kernel of a number; 0 where the system refuses to run it.</param>
/// <remarks>Thread-safe.</remarks>
sealed unsafe class KernelTable(int count, Func<int, nint> write)
{
    readonly nint[] _kernels = new nint[count];

    /// <summary>A kernel.</summary>
    /// <exception cref="InsufficientMemoryException">The system has not enough memory for more code.</exception>
    public delegate* unmanaged<void*, void> this[int number]
    {
        get
        {
            ref nint place = ref _kernels[number];
            nint code = Volatile.Read(ref place);
            if (code == 0)
            {
                // Two threads may write it twice; both texts are the same, and a few kilobytes stay unused.
                code = write(number);
                if (code == 0)
                {
                    throw new InsufficientMemoryException("The system has no memory for one more product as machine code.");
                }

                Volatile.Write(ref place, code);
            }

            return (delegate* unmanaged<void*, void>)code;
        }
    }
}

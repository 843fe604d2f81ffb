using System.Runtime.InteropServices;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The part of a kernel's window that lies inside the map.</summary>
/// <param name="FirstRow">First input row, counted from the rows at hand.</param>
/// <param name="Rows">Number of input rows.</param>
/// <param name="FirstColumn">First input column.</param>
/// <param name="Columns">Number of input columns.</param>
/// <param name="FirstKernelRow">Kernel row that falls on <paramref name="FirstRow"/>.</param>
/// <param name="FirstKernelColumn">Kernel column that falls on <paramref name="FirstColumn"/>.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PixelWindow(
    int FirstRow, int Rows, int FirstColumn, int Columns, int FirstKernelRow, int FirstKernelColumn);

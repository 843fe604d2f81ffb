using BenchmarkDotNet.Running;
using GemmaSharp.Benchmarks;

// "kernels" prints a table in seconds, each figure beside what the machine can do; anything else goes to BenchmarkDotNet.
if (args is ["kernels", ..])
{
    KernelReport.Write(args[1..]);
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(KernelReport).Assembly).Run(args);
}

using BenchmarkDotNet.Running;
using GemmaSharp.Benchmarks;

// "kernels", "forms" and "vision" print a table in seconds, each figure beside what the machine can do; "accuracy" what quantising costs the demo checkpoint;
// "memory" what is predicted of memory beside what processes have; "model" and "peer" write reports of what run.sh and compare-llama.sh measured, and
// "random-gguf" the file that the latter needs; anything else goes to BenchmarkDotNet.
if (args is ["kernels", ..])
{
    KernelReport.Write(args[1..]);
}
else if (args is ["forms", ..])
{
    FormReport.Write(args[1..]);
}
else if (args is ["vision", ..])
{
    VisionReport.Write(args[1..]);
}
else if (args is ["model", string folder])
{
    ModelReport.Write(folder);
}
else if (args is ["peer", string compared])
{
    foreach (string line in PeerResults.Table(compared))
    {
        Console.WriteLine(line);
    }
}
else if (args is ["random-gguf", ..])
{
    RandomGguf.Write(args[1..]);
}
else if (args is ["accuracy", ..])
{
    await AccuracyReport.WriteAsync(args[1..]);
}
else if (args is ["memory", ..])
{
    MemoryReport.Write(args[1..]);
}
else if (args is ["memory-child", ..])
{
    await MemoryReport.ChildAsync(args[1..]);
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(KernelReport).Assembly).Run(args);
}

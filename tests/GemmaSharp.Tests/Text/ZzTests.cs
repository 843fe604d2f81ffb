using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Text;

public sealed class ZzTests
{
    [Fact]
    public void Print()
    {
        foreach ((string name, string golden) in ((string, string)[])[("tiny-b", "text-long"), ("tiny-a", "text-long"), ("tiny-c", "text-long")])
        {
            using TextFixture fixture = new(name);
            int[] ids = TextFixture.Ids(name, golden);
            var trace = new RecordingTrace();
            fixture.Run(fixture.Model.NewCache(ids.Length), ids, ids.Length, trace);
            Golden expected = Golden.Load($"{name}/goldens/{golden}.safetensors");
            foreach (string n in trace.Names)
            {
                if (expected.Contains(n))
                {
                    Console.WriteLine($"{name} {n} {expected.Compare(n, trace[n]):E2}");
                }
            }
        }
    }
}

using System.Diagnostics;

namespace GemmaSharp.Media.Tests;

/// <summary>Damages files in repeatable ways and checks that a reader takes it with nothing worse than a <see cref="MediaException"/>.</summary>
static class Damage
{
    /// <summary>Flipped bits, overwritten stretches, cut ends, doubled and missing pieces; the first one leaves the head alone.</summary>
    public static byte[] Of(byte[] file, int seed)
    {
        Random random = new(seed);
        List<byte> bytes = [.. file];
        int from = seed % 2 == 0 ? Math.Min(64, file.Length / 4) : 0;
        for (int i = random.Next(1, 6); i > 0 && bytes.Count > from + 1; i--)
        {
            int at = random.Next(from, bytes.Count), count = Math.Min(random.Next(1, 64), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0 or 1:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    for (int j = 0; j < count; j++)
                    {
                        bytes[at + j] = (byte)random.Next(256);
                    }

                    break;
                case 3:
                    bytes[at] = (byte)(random.Next(2) * 255);
                    break;
                case 4:
                    bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : count);
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(at, count));
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Reads many damaged versions. Each must end within seconds, take bounded memory, and throw only <see cref="MediaException"/>.</summary>
    /// <returns>How many were read and how many refused.</returns>
    public static (int Read, int Refused) Check(byte[] file, int seeds, Action<byte[]> read)
    {
        int good = 0, refused = 0;
        for (int seed = 0; seed < seeds; seed++)
        {
            byte[] damaged = Of(file, seed);
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            try
            {
                read(damaged);
                good++;
            }
            catch (MediaException error)
            {
                refused++;
                Assert.EndsWith(".", error.Message, StringComparison.Ordinal);
            }
            catch (Exception error)
            {
                Assert.Fail($"Seed {seed}: {error}");
            }

            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(30), $"Seed {seed} took {Stopwatch.GetElapsedTime(start)}.");
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 512L << 20, $"Seed {seed} took {GC.GetAllocatedBytesForCurrentThread() - before} bytes.");
        }

        return (good, refused);
    }
}

using System.Diagnostics;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Waits for what must come about soon, without knowing when.</summary>
static class Eventually
{
    public static Task TrueAsync(Func<bool> holds, string what, TimeSpan? patience = null) => TrueAsync(() => Task.FromResult(holds()), what, patience);

    public static async Task TrueAsync(Func<Task<bool>> holds, string what, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(watch.Elapsed < (patience ?? TimeSpan.FromSeconds(60)), $"After {watch.Elapsed.TotalSeconds:F1} s it still does not hold that {what}.");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}

using GemmaSharp.Load;

// Loads a server with clients that ask, leave, hang up and send nonsense, and compares every answer with the one computed alone;
// "--overhead" measures what the server costs beside the library. Prints one JSON object; ends with 1 where something was wrong.
LoadOptions options;
try
{
    options = LoadOptions.Parse(args);
}
catch (ArgumentException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 2;
}

if (options.IsWorker)
{
    await OverheadWorker.RunAsync(options);
    return 0;
}

string json;
bool isSound;
if (options.Overhead)
{
    OverheadReport report = await OverheadRun.RunAsync(options);
    (json, isSound) = (report.ToJson(), true);
}
else
{
    LoadResult report = await LoadRun.RunAsync(options, CancellationToken.None);
    (json, isSound) = (report.ToJson(), report.FaultCount == 0);
}

Console.WriteLine(json);
if (options.File is string file)
{
    await File.WriteAllTextAsync(file, json + "\n");
}

return isSound ? 0 : 1;

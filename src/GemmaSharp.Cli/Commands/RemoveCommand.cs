using System.CommandLine;
using GemmaSharp.Cli.Output;
using GemmaSharp.Hub;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma remove</c>: removes a repository, or a revision or form of it, from the cache.</summary>
static class RemoveCommand
{
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var repository = new Argument<string>("model")
        { HelpName = "ORG/NAME", Description = "The repository; with @REVISION that snapshot alone, with :Q4_K_M that form alone." };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask." };
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command("remove", "Remove a model from the Hugging Face cache, after saying what that frees.") { repository, yes, json };
        command.SetAction(parse =>
        {
            var cache = new HubCache();
            HubReference reference = HubReference.Parse(parse.GetRequiredValue(repository));
            if (!reference.Id.Contains('/', StringComparison.Ordinal) && cache.FindByName(reference.Id) is HubReference known)
            {
                reference = known.With(reference);
            }

            CacheRemoval removal = cache.PlanRemoval(reference);
            string what = Describe(removal);
            if (!parse.GetValue(yes))
            {
                if (!console.InputIsTerminal || !console.ErrorIsTerminal)
                {
                    throw CliException.Usage($"{what} would be removed; say --yes.");
                }

                if (!Confirmation.Ask(console, $"Remove {what}?"))
                {
                    console.Notice("gemma: nothing was removed");
                    return ExitCode.Failed;
                }
            }

            cache.Remove(removal);
            if (parse.GetValue(json))
            {
                JsonOutput.Print(console, writer =>
                {
                    writer.WriteStartObject();
                    writer.WriteString("id", removal.Reference.Id);
                    writer.WriteStrings("commits", removal.Commits);
                    writer.WriteStrings("revisions", removal.Revisions);
                    writer.WriteNumber("bytes", removal.Bytes);
                    writer.WriteBoolean("whole_repository", removal.IsWholeRepository);
                    writer.WriteEndObject();
                });
            }
            else if (!parse.GetValue(global.Quiet))
            {
                console.Notice($"gemma: removed {what}");
            }

            return ExitCode.Done;
        });
        return new CliCommand(command, "gemma remove google/gemma-3n-E2B-it", "gemma remove org/name@v1.0 --yes", "gemma remove org/name-GGUF:Q4_K_M");
    }

    static string Describe(CacheRemoval removal)
    {
        string revisions = removal.Revisions.Count > 0 ? $" ({string.Join(", ", removal.Revisions)})" : "";
        string what = removal.Commits.Count switch
        {
            0 when !removal.IsWholeRepository => $"{removal.Reference}",
            0 => $"{removal.Reference.Id}, unfinished",
            1 => $"{removal.Reference.Id} at {removal.Commits[0][..Math.Min(8, removal.Commits[0].Length)]}{revisions}",
            int count => Show.Text($"{count} snapshots of {removal.Reference.Id}{revisions}"),
        };
        return $"{what}, {Show.Bytes(removal.Bytes)}";
    }
}

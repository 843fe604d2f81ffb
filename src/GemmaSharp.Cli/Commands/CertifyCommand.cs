using System.CommandLine;
using GemmaSharp.Cli.Certification;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Output;
using GemmaSharp.Files;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma certify --reference DIR</c>: whether a checkpoint computes here what the reference implementation computed with it.</summary>
static class CertifyCommand
{
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var reference = new Option<string>("--reference")
        {
            HelpName = "DIR",
            Description = "What scripts/record-reference.py wrote for the same checkpoint.",
            Required = true,
        };
        var output = new Option<string?>("--output", "-o") { HelpName = "FILE", Description = "Write the certificate to a file, too." };
        Option<double?> tolerance = Numbers.Real(
            "--tolerance", "X", "The largest max|a − b| / max|b| that counts as agreement. Default: 1e-4.", x => x >= 0, "a number of 0 or more");
        var otherFiles = new Option<bool>("--other-files")
        {
            Description = "Compare although the checkpoint's files are others than the reference's, as after a conversion.",
        };
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command(
            "certify", "Compare a checkpoint with a recording of the reference implementation; prints a certificate. Exit code 1 when it differs.")
        {
            reference, output, tolerance, otherFiles, json,
        };
        command.SetAction(async parse =>
        {
            string path = parse.GetRequiredValue(reference);
            if (path.Length == 0)
            {
                throw CliException.Usage($"{reference.Name} is empty; give the folder that scripts/record-reference.py wrote.");
            }

            if (parse.GetValue(output) is string target)
            {
                OutputFiles.RequireWritable(target);
            }

            bool quiet = parse.GetValue(global.Quiet);
            double least = parse.GetValue(tolerance) ?? TraceComparison.DefaultTolerance;
            ReferenceRecording recording = ReferenceRecording.Read(path);
            string folder = ModelLocator.Find(parse.GetValue(global.Model), quiet ? null : notice => console.Notice("gemma: notice: " + notice));
            using Interrupts.Scope interrupt = console.Interrupts.Begin();
            var certification = new Certification.Certification(recording, folder, least);
            bool others = parse.GetValue(otherFiles);
            (IReadOnlyList<RecordedFile> files, bool same) = await new ProgressSign(console, quiet)
                .WhileAsync<(string Now, double Share), (IReadOnlyList<RecordedFile>, bool)>(
                    "Reading", now => now, progress => certification.CheckFiles(others, progress, interrupt.Token)).ConfigureAwait(false);
            using GemmaModel model = await new BusySign(console, quiet).WhileAsync("Loading", Task.Run(() => GemmaModel.Load(
                folder, new GemmaModelOptions { Exact = true, Threads = parse.GetValue(global.Threads), Projector = global.ProjectorOf(parse) })))
                .ConfigureAwait(false);
            var cases = new List<CertifiedCase>();
            foreach (RecordedCase each in recording.Cases)
            {
                cases.Add(await new BusySign(console, quiet).WhileAsync(
                    $"Computing {each.Name}", certification.RunAsync(model, each, interrupt.Token)).ConfigureAwait(false));
            }

            string recordingHash;
            using (FileStream stream = File.OpenRead(recording.Path))
            {
                recordingHash = Certification.Certification.Hash(stream);
            }

            var certificate = new Certificate(
                model.Name, recordingHash, recording.Versions, files, same, Certification.Certification.Program(model), least, cases, DateTimeOffset.UtcNow);
            string text = certificate.ToJson();
            if (parse.GetValue(output) is string file)
            {
                AtomicFile.Write(file, System.Text.Encoding.UTF8.GetBytes(text + "\n"));
            }

            if (parse.GetValue(json))
            {
                console.Out.WriteLine(text);
            }
            else
            {
                Print(console, certificate, quiet);
            }

            return certificate.Agrees ? ExitCode.Done : ExitCode.Failed;
        });
        return new CliCommand(
            command, "gemma certify --model ./gemma-3n-E2B-it --reference ./e2b-reference",
            "gemma certify --model ./e2b.gguf --reference ./e2b-reference --other-files --tolerance 0.01 --output certificate.json");
    }

    static void Print(CliConsole console, Certificate certificate, bool quiet)
    {
        if (!quiet)
        {
            Table table = new Table().Border(TableBorder.Simple).AddColumns("case", "ids", "tensors", "worst max|a−b|/max|b|", "in", "greedy", "");
            foreach (CertifiedCase each in certificate.Cases)
            {
                string tensors = each.Different + each.Missing.Count == 0 ? Show.Text($"{each.Compared}")
                    : Show.Text($"{each.Compared}, {each.Different} differ, {each.Missing.Count} missing");
                table.AddRow(
                    Markup.Escape(each.Name), each.SameIds ? "equal" : "differ", tensors, Show.Text($"{each.WorstRelative:0.00e+0}"),
                    Markup.Escape(each.Worst ?? ""), Show.Text($"{each.GreedyEqual} of {each.GreedySteps}{(each.GreedyTie ? ", then a tie" : "")}"),
                    each.Agrees ? "[green]agrees[/]" : "[red]differs[/]");
            }

            console.Styled.Write(table);
        }

        string files = certificate.SameFiles
            ? Show.Text($"{certificate.Files.Count} files with the reference's checksums") : "other files than the reference's";
        string reference = string.Join(", ", certificate.Versions.Select(version => $"{version.Name} {version.Version}"));
        CertifiedCase? first = certificate.Cases.FirstOrDefault(each => !each.Agrees);
        console.Out.WriteLine(first is null
            ? Show.Text($"{certificate.Model} agrees with {reference} to {certificate.Tolerance:0e+0} in {certificate.Cases.Count} cases; {files}.")
            : $"{certificate.Model} differs from {reference} in case {first.Name}{Why(first)}; {files}.");
    }

    static string Why(CertifiedCase each) => !each.SameIds ? ": the prompt has other ids"
        : each.First is string name ? $", first in {name}"
        : each.Missing.Count > 0 ? $": {each.Missing[0]} is not computed here"
        : Show.Text($": greedy token {each.GreedyEqual + 1} is another");
}

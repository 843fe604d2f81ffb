namespace GemmaSharp.Cli.Bench;

/// <summary>A figure of new results over the same of old ones.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Unit">Of the values.</param>
/// <param name="MoreIsBetter">Whether a speed rather than a cost.</param>
/// <param name="Old">One value for each run.</param>
/// <param name="New">One value for each run.</param>
sealed record MeasureRatio(string Name, string Unit, bool MoreIsBetter, IReadOnlyList<double> Old, IReadOnlyList<double> New)
{
    /// <summary>The median of the new over that of the old.</summary>
    public double Ratio => NewMedian / OldMedian;

    /// <summary>The worst new run over the best old one, where more is better.</summary>
    public double Least => New.Min() / Old.Max();

    /// <summary>The best new run over the worst old one, where more is better.</summary>
    public double Most => New.Max() / Old.Min();

    /// <summary>Whether there are several runs on both sides, and none of one side lies among those of the other.</summary>
    public bool Differs => Old.Count > 1 && New.Count > 1 && (Least > 1 || Most < 1);

    /// <summary>The middle of the old values.</summary>
    public double OldMedian => new Measurement(Old).Median;

    /// <summary>The middle of the new values.</summary>
    public double NewMedian => new Measurement(New).Median;
}

/// <summary>New results beside old ones.</summary>
/// <param name="Old">At least one.</param>
/// <param name="New">At least one.</param>
sealed record BenchComparison(IReadOnlyList<BenchResult> Old, IReadOnlyList<BenchResult> New)
{
    /// <summary>So far the machine's own figures may drift before the ratios are doubted.</summary>
    const double Drift = 0.1;

    /// <summary>The figures that both have.</summary>
    public IReadOnlyList<MeasureRatio> Ratios { get; } = Join(Measure.Of(Old), Measure.Of(New));

    /// <summary>Names of what only the old results have.</summary>
    public IReadOnlyList<string> OnlyInOld { get; } = Missing(Old, New);

    /// <summary>Names of what only the new results have.</summary>
    public IReadOnlyList<string> OnlyInNew { get; } = Missing(New, Old);

    /// <summary>Whether all are from the same kind of machine, system and threads; null where one does not say.</summary>
    public bool? SameMachine
    {
        get
        {
            string?[] machines = [.. Old.Concat(New).Select(MachineOf).Distinct()];
            return machines.Count(machine => machine is not null) > 1 ? false : machines.Contains(null) ? null : true;
        }
    }

    /// <summary>Whether all are from the same program; null where one does not say.</summary>
    public bool? SameProgram => Same(result => result.Origin.Program);

    /// <summary>What has to be known of the ratios: sentences.</summary>
    public IReadOnlyList<string> Notes
    {
        get
        {
            var notes = new List<string>();
            if (SameMachine is false)
            {
                notes.Add($"These are from different machines, {Named(Old, Machine)} and {Named(New, Machine)}: "
                    + "the ratios say as much of them as of the program.");
            }
            else if (SameMachine is null)
            {
                notes.Add("A result does not say which machine it is from; ratios count on one machine, in one sitting.");
            }

            if (SameProgram is false)
            {
                notes.Add($"Old is from {Named(Old, result => result.Origin.Program)}, new from {Named(New, result => result.Origin.Program)}.");
            }

            if (Same(result => $"{result.Model} ({result.Format})") is false)
            {
                notes.Add($"Old is of {Named(Old, Model)}, new of {Named(New, Model)}.");
            }

            if (Same(result => result.Machine.InstructionSet) is false)
            {
                notes.Add($"Old used {Named(Old, result => result.Machine.InstructionSet)}, new {Named(New, result => result.Machine.InstructionSet)}.");
            }

            foreach (MeasureRatio ratio in Ratios.Where(ratio => ratio.Name is Measure.Reading or Measure.Computing && Math.Abs(ratio.Ratio - 1) > Drift))
            {
                notes.Add(Output.Show.Text($"The machine's own figures have moved: {ratio.OldMedian:0.0} {ratio.Unit} then, {ratio.NewMedian:0.0} now; ")
                    + "repeat both in turns before the ratios count.");
            }

            return notes;
        }
    }

    static string Model(BenchResult result) => $"{result.Model} ({result.Format})";

    static string Machine(BenchResult result) => Output.Show.Text($"{result.Machine.Processor} with {result.Machine.Threads} threads, {result.Origin.System}");

    // The instruction set is the program's choice, too, and has a note of its own.
    static string? MachineOf(BenchResult result) =>
        result.Machine.Processor == Origin.Unknown || result.Origin.System == Origin.Unknown ? null : Machine(result);

    static string Named(IEnumerable<BenchResult> results, Func<BenchResult, string> name) => string.Join(" and ", results.Select(name).Distinct());

    static IReadOnlyList<MeasureRatio> Join(IReadOnlyList<Measure> before, IReadOnlyList<Measure> after) =>
    [
        .. before.Join(after, measure => measure.Name, measure => measure.Name, (old, now) =>
            new MeasureRatio(old.Name, old.Unit, old.MoreIsBetter, old.Values, now.Values)),
    ];

    static IReadOnlyList<string> Missing(IReadOnlyList<BenchResult> here, IReadOnlyList<BenchResult> there) =>
        [.. Measure.Of(here).Select(measure => measure.Name).Except(Measure.Of(there).Select(measure => measure.Name))];

    bool? Same(Func<BenchResult, string> name)
    {
        string[] names = [.. Old.Concat(New).Select(name).Distinct()];
        string[] known = [.. names.Where(each => each != Origin.Unknown)];
        return known.Length > 1 ? false : known.Length < names.Length ? null : true;
    }
}

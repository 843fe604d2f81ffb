using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace GemmaSharp.Hub;

/// <summary>A repository of the hub, perhaps at a revision, perhaps one form of several: <c>ORG/NAME[@REVISION][:VARIANT]</c>.</summary>
/// <remarks>Immutable, thread-safe. Everything in it is safe as a part of a path.</remarks>
public sealed partial record HubReference
{
    /// <summary>The revision where none is given.</summary>
    public const string DefaultRevision = "main";

    const int LongestId = 96;
    const int LongestRevision = 200;
    const int LongestVariant = 64;

    HubReference(string id, string? revision, string? variant)
    {
        (Id, Revision, Variant) = (id, revision, variant);
    }

    /// <summary>The repository: <c>ORG/NAME</c>, or <c>NAME</c> of old ones.</summary>
    public string Id { get; }

    /// <summary>A branch, tag, <c>refs/pr/N</c> or commit; null for <see cref="DefaultRevision"/>.</summary>
    public string? Revision { get; }

    /// <summary>Of a repository of GGUF files the form that is wanted, such as <c>Q4_K_M</c>; null for safetensors.</summary>
    public string? Variant { get; }

    /// <summary>Reads a reference; short names of <see cref="KnownModel"/> stand for theirs.</summary>
    /// <param name="text"><c>ORG/NAME</c>, <c>ORG/NAME@v1.0</c>, <c>ORG/NAME:Q4_K_M</c>, <c>e2b</c>.</param>
    /// <exception cref="HubException">It is none; the message says what is wrong.</exception>
    public static HubReference Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        (HubReference? reference, string? problem) = Read(text);
        return reference ?? throw new HubException(HubFailure.BadName, problem!);
    }

    /// <summary>Reads a reference, if it is one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out HubReference? reference)
    {
        reference = text is null ? null : Read(text).Reference;
        return reference is not null;
    }

    /// <summary>The same repository and form at another revision.</summary>
    /// <exception cref="HubException">It is no revision.</exception>
    public HubReference At(string? revision) => revision is null || RevisionProblem(revision) is not string problem
        ? new HubReference(Id, revision, Variant)
        : throw new HubException(HubFailure.BadName, problem);

    /// <summary>This repository with the revision and form of another reference.</summary>
    internal HubReference With(HubReference other) => new(Id, other.Revision, other.Variant);

    /// <summary>As it is typed.</summary>
    public override string ToString() => Id + (Revision is null ? "" : "@" + Revision) + (Variant is null ? "" : ":" + Variant);

    static (HubReference? Reference, string? Problem) Read(string text)
    {
        string id = text;
        string? revision = null, variant = null;
        if (id.LastIndexOf(':') is >= 0 and int colon)
        {
            (id, variant) = (id[..colon], id[(colon + 1)..]);
            if (variant.Length > LongestVariant || !VariantName().IsMatch(variant))
            {
                return (null, $"\"{variant}\" in {text} is no form of a GGUF repository; give one such as ORG/NAME:Q4_K_M.");
            }
        }

        if (id.IndexOf('@', StringComparison.Ordinal) is >= 0 and int at)
        {
            (id, revision) = (id[..at], id[(at + 1)..]);
            if (RevisionProblem(revision) is string problem)
            {
                return (null, problem);
            }
        }

        id = KnownModel.Find(id)?.Id ?? id;
        return IsId(id)
            ? (new HubReference(id, revision, variant), null)
            : (null, $"\"{text}\" is no repository's name; give ORG/NAME with letters, digits, \".\", \"-\" and \"_\", or one of "
                + $"{string.Join(", ", KnownModel.All.Select(model => model.Name))}.");
    }

    /// <summary>Whether a name is a repository's; whatever is not would become a path somewhere else.</summary>
    internal static bool IsId(string id) =>
        id.Length <= LongestId && IdForm().IsMatch(id) && !id.Contains("--", StringComparison.Ordinal) && !id.Contains("..", StringComparison.Ordinal)
        && !id.EndsWith(".git", StringComparison.Ordinal);

    /// <summary>Whether a revision is a whole commit's name.</summary>
    internal static bool IsCommit(string? revision) => revision is not null && CommitForm().IsMatch(revision);

    static string? RevisionProblem(string revision) =>
        revision.Length <= LongestRevision && RevisionForm().IsMatch(revision) && !revision.Contains("..", StringComparison.Ordinal)
            && !revision.Contains("//", StringComparison.Ordinal) && !revision.Split('/').Any(part => part.StartsWith('.') || part.EndsWith('.')
            || part.EndsWith(".lock", StringComparison.Ordinal))
            ? null
            : $"\"{revision}\" is no revision; give a branch, a tag, refs/pr/N or a commit.";

    // A name and its organisation begin and end with a letter, a digit or an underscore.
    [GeneratedRegex(@"\A(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?/)?[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex IdForm();

    [GeneratedRegex(@"\A[A-Za-z0-9_](?:[A-Za-z0-9._/+=-]*[A-Za-z0-9_+=-])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex RevisionForm();

    [GeneratedRegex(@"\A[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex VariantName();

    [GeneratedRegex(@"\A[0-9a-f]{40}\z", RegexOptions.CultureInvariant)]
    private static partial Regex CommitForm();
}

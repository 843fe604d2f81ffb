using System.Text;

namespace GemmaSharp.Hub.Protocol;

/// <summary>What the hub refuses, as sentences with a way out. Source: huggingface_hub, utils/_http.py.</summary>
static class HubErrors
{
    const string Disabled = "Access to this resource is disabled.";

    /// <summary>The refusal of a request about a repository.</summary>
    /// <param name="connection">Who was asked.</param>
    /// <param name="reference">About what.</param>
    /// <param name="path">Of which file; null for the repository.</param>
    /// <param name="response">The answer.</param>
    /// <remarks>What revisions there are, whoever asks for one adds.</remarks>
    public static HubException Of(HubConnection connection, HubReference reference, string? path, HttpResponseMessage response)
    {
        string code = Header(response, "X-Error-Code"), message = Header(response, "X-Error-Message");
        string id = reference.Id, page = connection.Page(id), revision = reference.Revision ?? HubReference.DefaultRevision;
        int status = (int)response.StatusCode;
        string what = path is null ? id : $"{path} of {id}";
        return (status, code) switch
        {
            (404, "RevisionNotFound") => NoSuchRevision(connection, reference, []),
            (404, "EntryNotFound") => new(HubFailure.NoSuchFile, $"{id} has no file {path} at \"{revision}\"; its files are on {page}."),
            (_, "GatedRepo") => Gated(connection, id, page, message),
            (401, _) when message.Contains("Invalid credentials", StringComparison.OrdinalIgnoreCase) && connection.Token is HubToken token =>
                new(HubFailure.TokenRefused, $"The hub refuses the access token of {token.Source}, which is wrong or has expired; "
                    + $"create a new one in the settings of your account at {connection.Name} (\"hf auth login\" stores it), or remove it."),
            (403, _) when message == Disabled => new(HubFailure.Disabled, $"{id} has been disabled by the hub; choose another repository."),
            (401 or 404, "RepoNotFound") or (401, "") or (404, "") => NotFoundOrLogin(connection, id, page),
            (403, _) => new(HubFailure.TokenRefused, connection.Token is HubToken token
                ? $"The access token of {token.Source} may not read {what}{Said(message)}; a fine-grained one needs the permission to read contents of "
                    + $"public gated repositories, in the settings of your account at {connection.Name}."
                : $"{what} may not be read without a login{Said(message)}; set HF_TOKEN to an access token of your account at {connection.Name}."),
            (407, _) => new(HubFailure.Unreachable, $"A proxy on the way to {connection.Name} wants a "
                + $"login{connection.ProxyHint(new InvalidOperationException())}; give name and password in the proxy's address."),
            (451, _) => new(HubFailure.Disabled, $"{what} is not given out for legal reasons (HTTP 451){Said(message)}; choose another repository."),
            _ => new(HubFailure.NotAHub, FormattableString.Invariant(
                $"{connection.Name} answers a request for {what} with HTTP {status}{Said(message)}; check the name, and HF_ENDPOINT if it is set.")),
        };
    }

    /// <summary>An answer that no hub gives.</summary>
    public static HubException NotAHub(HubConnection connection, string problem, Exception? inner = null) => new(HubFailure.NotAHub,
        $"{connection.Name} does not answer as a hub does: {problem}; check HF_ENDPOINT, or whether a proxy or a public network wants a login first.", inner);

    /// <summary>A revision that the repository does not have.</summary>
    /// <param name="connection">Who was asked.</param>
    /// <param name="reference">For what.</param>
    /// <param name="others">Revisions that it has, the likeliest first; none when that is not known.</param>
    public static HubException NoSuchRevision(HubConnection connection, HubReference reference, IReadOnlyList<string> others) => new(HubFailure.NoSuchRevision,
        $"{reference.Id} has no revision \"{reference.Revision ?? HubReference.DefaultRevision}\"; " + (others.Count > 0
            ? $"it has {Selection.FileSelection.Few(others)}." : $"its revisions are on {connection.Page(reference.Id)}."));

    static HubException NotFoundOrLogin(HubConnection connection, string id, string page) => new(HubFailure.NotFoundOrLogin, connection.Token is HubToken token
        ? $"{id} does not exist at {connection.Name}, or is private and not for the account of {token.Source}; check the name, or the account's access "
            + $"at {page}."
        : $"{id} does not exist at {connection.Name} or needs a login; check the name, and if it is gated (as google/gemma-3n-* are) accept its "
            + $"licence at {page} and set HF_TOKEN to an access token of your account, or store one with \"hf auth login\".");

    static HubException Gated(HubConnection connection, string id, string page, string message) => new(HubFailure.Gated, connection.Token is HubToken token
        ? $"{id} is gated and the account of {token.Source} has no access{Said(message)}; accept its licence at {page}, and if the token is a fine-grained one "
            + $"give it the permission to read contents of public gated repositories."
        : $"{id} is gated and nobody is logged in; accept its licence at {page} and set HF_TOKEN to an access token of your account, or store one with "
            + $"\"hf auth login\".");

    static string Said(string message) => message.Length == 0 ? "" : $" (\"{message}\")";

    // A header is the server's text: one line, no more than a sentence of it.
    static string Header(HttpResponseMessage response, string name)
    {
        if (!response.Headers.TryGetValues(name, out IEnumerable<string>? values))
        {
            return "";
        }

        var text = new StringBuilder();
        foreach (char c in string.Join(' ', values).Take(300))
        {
            text.Append(char.IsControl(c) ? ' ' : c);
        }

        return text.ToString().Trim();
    }
}

using System.CommandLine;
using System.CommandLine.Parsing;
using GemmaSharp.Cli.Commands;
using GemmaSharp.Cli.Output;
using GemmaSharp.Hub;

namespace GemmaSharp.Cli;

/// <summary>Downloads the model of a command that the cache does not have: with <c>--pull</c>, or when a person says yes. Gigabytes are never fetched
/// unasked.</summary>
static class PullOffer
{
    /// <summary>Offers it for every <c>--model</c> of a command line; without a yes the command itself says what is missing.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="global">Its options.</param>
    /// <param name="console">Who is asked.</param>
    /// <param name="hub">Which hub and cache; null for what the environment says.</param>
    public static async Task MakeAsync(ParseResult parse, GlobalOptions global, CliConsole console, HubOptions? hub = null)
    {
        if (parse.CommandResult.Command.Name == PullCommand.Name)
        {
            return;
        }

        bool unasked = parse.GetValue(global.Pull), quiet = parse.GetValue(global.Quiet);
        if (!unasked && (quiet || !console.InputIsTerminal || !console.ErrorIsTerminal))
        {
            return;
        }

        var cache = new HubCache(hub);
        foreach (string model in Models(parse))
        {
            if (ModelLocator.Missing(model, cache) is HubReference reference)
            {
                await OfferAsync(console, reference, unasked, quiet, hub).ConfigureAwait(false);
            }
        }
    }

    static async Task OfferAsync(CliConsole console, HubReference reference, bool unasked, bool quiet, HubOptions? hub)
    {
        using HubClient? client = Client(hub, unasked);
        if (client is null || (client.IsOffline && !unasked))
        {
            // Nobody asked for the network: that the model is not there is the answer.
            return;
        }

        // The hub hears nothing before a yes: a mistyped path may look like a name.
        string about = KnownModel.All.FirstOrDefault(model => model.Id == reference.Id) is KnownModel known ? $" (about {Show.Bytes(known.Bytes)})" : "";
        if (!unasked && !Confirmation.Ask(console, $"{reference} is not in the cache; download it{about}?"))
        {
            return;
        }

        using Interrupts.Scope interrupt = console.Interrupts.Begin();
        await PullCommand.RunAsync(console, client, reference, new PullOptions(), quiet, json: false, interrupt.Token).ConfigureAwait(false);
    }

    static HubClient? Client(HubOptions? hub, bool required)
    {
        try
        {
            return new HubClient(hub);
        }
        catch (HubException) when (!required)
        {
            return null;
        }
    }

    // Of a command's own option, too: the server's models have names before them.
    static IEnumerable<string> Models(ParseResult parse)
    {
        for (CommandResult? result = parse.CommandResult; result is not null; result = result.Parent as CommandResult)
        {
            foreach (OptionResult option in result.Children.OfType<OptionResult>().Where(each => each.Option.Name == "--model"))
            {
                foreach (Token token in option.Tokens)
                {
                    int sign = token.Value.IndexOf('=', StringComparison.Ordinal);
                    yield return sign > 0 && !Path.Exists(token.Value) ? token.Value[(sign + 1)..] : token.Value;
                }
            }
        }
    }
}

using System.Text;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Generation.Constraints.Json;
using GemmaSharp.Prompting.Tools;

namespace GemmaSharp.Generation.Tools;

/// <summary>The texts of calls: as the model is told to write them, and with the liberties that models take.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
sealed class ToolGrammars
{
    ToolGrammars(Grammar strict, Grammar loose) => (Strict, Loose) = (strict, loose);

    /// <summary>Calls in the one spelling that the conversation goes on with.</summary>
    public Grammar Strict { get; }

    /// <summary>Calls with white space and a fence around them, or one that is in no list.</summary>
    public Grammar Loose { get; }

    /// <summary>The grammars of tools.</summary>
    public static ToolGrammars Of(ToolOptions options) => new(Get(options, isLoose: false), Get(options, isLoose: true));

    /// <summary>Calls, or what an answer has to be where it has none.</summary>
    public static Grammar OrAnswer(ToolOptions options, Constraint answer) => Build(options, answer, isLoose: false);

    /// <summary>A grammar out of the cache: programs give the same tools again and again.</summary>
    static Grammar Get(ToolOptions options, bool isLoose)
    {
        var source = new StringBuilder();
        source.Append(options.Format).Append(options.Parallel).Append(isLoose).Append(options.Choice.Name);
        foreach (ToolDefinition tool in options.Tools)
        {
            source.Append('\n').Append(tool.Name).Append(tool.IsStrict).Append(tool.Parameters.GetRawText());
        }

        return GrammarCache.Shared.Get(("tools", null, source.ToString()), builder => Define(builder, options, null, isLoose), null).Compiled;
    }

    static Grammar Build(ToolOptions options, Constraint answer, bool isLoose)
    {
        var builder = new GrammarBuilder();
        return builder.Build(Define(builder, options, answer, isLoose));
    }

    static Symbol Define(GrammarBuilder builder, ToolOptions options, Constraint? answer, bool isLoose)
    {
        Symbol start = builder.Rule("answer");
        AddCalls(builder, start, options, isLoose);
        if (answer is not null)
        {
            builder.Add(start, answer.AddTo(builder));
        }

        return start;
    }

    static void AddCalls(GrammarBuilder builder, Symbol start, ToolOptions options, bool isLoose)
    {
        Expressions e = builder.Expressions;
        int space = isLoose ? e.Repeat(e.Bytes(((byte)' ', (byte)' '), ((byte)'\n', (byte)'\n'), ((byte)'\t', (byte)'\t')), 0, 32) : e.Empty;
        Symbol call = builder.Rule("call");
        foreach (ToolDefinition tool in options.Tools.Where(tool => options.Choice.Name is null || tool.Name == options.Choice.Name))
        {
            if (options.Format == ToolFormat.Json)
            {
                AddJson(builder, call, tool, space, isLoose);
            }
            else
            {
                builder.Add(call, SchemaCompiler.AddTo(builder, tool.Parameters, tool.Options, SchemaNotation.Python with { Function = tool.Name }));
            }
        }

        (string open, string comma, string close) = options.Format switch
        {
            ToolFormat.Json => ("[", ",", "]"),
            ToolFormat.Pythonic => ("[", ", ", "]"),
            _ => (ToolPrompt.CodeFence, "\n", ToolPrompt.CodeFenceEnd),
        };
        Symbol between = builder.Lexeme(e.Concat(space, Text(comma), space));
        var family = new ArrayItems(
            [], call, (1, options.Parallel ? ToolOptions.MostCalls : 1), [], between, builder.Lexeme(e.Concat(space, Text(close))));
        Symbol calls = builder.Rule("calls", family, new FamilyKey(ArrayItems.Item, 0, 0));
        Symbol first = builder.Lexeme(e.Concat(Text(open), space));
        builder.Add(start, first, calls);
        if (isLoose)
        {
            // In a fence, after white space, or alone.
            Symbol lead = builder.Lexeme(e.Or(
                e.Repeat(space, 1, 1), e.Concat(space, Text("```"), e.Or(e.Empty, Text("json"), Text("python"), Text("tool_code")), Text("\n"), space)));
            Symbol end = builder.Lexeme(e.Or(space, e.Concat(space, Text("\n```"), space)));
            builder.Add(start, lead, first, calls, end);
            builder.Add(start, lead, call, end);
        }

        int Text(string text) => e.Literal(Encoding.UTF8.GetBytes(text));
    }

    static void AddJson(GrammarBuilder builder, Symbol call, ToolDefinition tool, int space, bool isLoose)
    {
        Expressions e = builder.Expressions;
        Symbol parameters = SchemaCompiler.AddTo(
            builder, tool.Parameters, tool.Options with { Whitespace = isLoose ? JsonWhitespace.Flexible : JsonWhitespace.Compact }, SchemaNotation.Json);
        int start = isLoose
            ? e.Concat(Text("{"), space, Text("\"name\""), space, Text(":"), space, Text($"\"{tool.Name}\""), space, Text(","), space,
                e.Or(Text("\"parameters\""), Text("\"arguments\"")), space, Text(":"), space)
            : Text(ToolPrompt.JsonCallStart(tool.Name));
        builder.Add(call, builder.Lexeme(start), parameters, builder.Lexeme(e.Concat(space, Text("}"))));

        int Text(string text) => e.Literal(Encoding.UTF8.GetBytes(text));
    }
}

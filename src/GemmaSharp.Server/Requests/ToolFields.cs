using System.Text.Json;
using GemmaSharp.Server.Http;

namespace GemmaSharp.Server.Requests;

/// <summary>The tools of a request, in the nested form of chat completions, in the flat one of responses, and in the one that came before both.</summary>
static class ToolFields
{
    /// <summary>The tools that an answer may call; null for none.</summary>
    /// <param name="body">The request.</param>
    /// <param name="passedOver">Told the types of tools that are no functions, which the model cannot call.</param>
    public static ToolOptions? Read(Fields body, Action<string>? passedOver = null)
    {
        var tools = new List<ToolDefinition>();
        foreach ((JsonElement element, string path) in body.List("tools", ToolOptions.MostTools))
        {
            Fields tool = Fields.Of(element, path);
            if ((tool.Text("type") ?? "function") is "function")
            {
                tools.Add(Definition(tool.Object("function") ?? tool));
            }
            else
            {
                passedOver?.Invoke(tool.Text("type")!);
            }
        }

        foreach ((JsonElement element, string path) in body.List("functions", ToolOptions.MostTools))
        {
            tools.Add(Definition(Fields.Of(element, path)));
        }

        ToolChoice choice = Choice(body, ref tools);
        if (tools.Count == 0)
        {
            return !choice.IsRequired ? null
                : throw ApiException.Invalid(
                    "tool_choice", "tool_choice requires a call and the request has no function in tools; add one, or leave tool_choice out.");
        }

        var options = new ToolOptions { Tools = tools, Choice = choice, Parallel = body.Flag("parallel_tool_calls") ?? true };
        if (choice.Name is string name && !tools.Exists(tool => tool.Name == name))
        {
            throw ApiException.Invalid(
                "tool_choice", $"tool_choice names {name}, which is none of the tools; name one of {string.Join(", ", tools.Select(tool => tool.Name))}.");
        }

        return options;
    }

    /// <summary>A tool of a name, with parameters.</summary>
    public static ToolDefinition Definition(Fields function, string parametersName = "parameters")
    {
        string name = function.RequiredText("name");
        JsonElement parameters = function.TryGet(parametersName, out JsonElement schema) ? schema.Clone() : default;
        Size(schema, function.PathOf(parametersName));
        try
        {
            return new ToolDefinition(name, function.Text("description"), parameters, function.Flag("strict") ?? true);
        }
        catch (ArgumentException error)
        {
            throw ApiException.Invalid(function.Path, $"{function.Path}: {ErrorMapping.Sentence(error)}");
        }
        catch (ConstraintException error)
        {
            throw ApiException.Invalid(function.Path, $"{function.Path}: {ErrorMapping.Of(error).Message}");
        }
    }

    /// <summary>Refuses a schema that is too long to be looked at.</summary>
    public static void Size(JsonElement schema, string path)
    {
        const int Longest = 256 << 10;
        if (schema.ValueKind != JsonValueKind.Undefined && schema.GetRawText().Length is > Longest and int length)
        {
            throw ApiException.Invalid(path, FormattableString.Invariant($"{path} has {length} characters; at most {Longest} are taken."));
        }
    }

    static ToolChoice Choice(Fields body, ref List<ToolDefinition> tools)
    {
        if (!body.TryGet("tool_choice", out JsonElement choice) && !body.TryGet("function_call", out choice))
        {
            return ToolChoice.Auto;
        }

        if (choice.ValueKind == JsonValueKind.String)
        {
            return choice.GetString() switch
            {
                "auto" => ToolChoice.Auto,
                "none" => ToolChoice.None,
                "required" or "any" => ToolChoice.Required,
                _ => throw body.Wrong("tool_choice", choice, "none, auto, required or an object that names a function"),
            };
        }

        Fields named = Fields.Of(choice, "tool_choice");
        if (named.Text("type") == "allowed_tools")
        {
            Fields allowed = named.Object("allowed_tools") ?? named;
            HashSet<string> names = [.. allowed.List("tools", ToolOptions.MostTools)
                .Select(each => Fields.Of(each.Element, each.Path)).Select(tool => (tool.Object("function") ?? tool).RequiredText("name"))];
            tools = tools.FindAll(tool => names.Contains(tool.Name));
            return allowed.Text("mode") == "required" ? ToolChoice.Required : ToolChoice.Auto;
        }

        return ToolChoice.Named((named.Object("function") ?? named).RequiredText("name"));
    }
}

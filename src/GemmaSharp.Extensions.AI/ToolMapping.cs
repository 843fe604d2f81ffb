using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Extensions.AI;

/// <summary>Tools of a request as the model takes them.</summary>
static class ToolMapping
{
    /// <summary>The tools that an answer may call; null for none.</summary>
    /// <exception cref="ArgumentException">A tool's name is none or is there twice, or a required tool is not there.</exception>
    /// <exception cref="ConstraintException">A tool's parameters are no schema that is supported.</exception>
    /// <exception cref="NotSupportedException">The mode is of an unknown kind.</exception>
    public static ToolOptions? Read(ChatOptions? request, GemmaChatOptions options, ILogger logger)
    {
        var tools = new List<ToolDefinition>();
        foreach (AITool tool in request?.Tools ?? [])
        {
            if (tool is AIFunctionDeclaration function)
            {
                bool strict = new AdditionalOptions(new AdditionalPropertiesDictionary(function.AdditionalProperties)).Bool(AdditionalOptions.Strict) ?? true;
                string? description = string.IsNullOrEmpty(function.Description) ? null : function.Description;
                tools.Add(new ToolDefinition(function.Name, description, function.JsonSchema, strict));
            }
            else
            {
                Log.ToolPassedOver(logger, tool.GetType().Name);
            }
        }

        ToolChoice choice = Choice(request?.ToolMode, tools);
        return tools.Count == 0 ? null : new ToolOptions
        {
            Tools = tools,
            Choice = choice,
            Parallel = request?.AllowMultipleToolCalls ?? options.AllowMultipleToolCalls,
            Format = options.ToolFormat,
        };
    }

    static ToolChoice Choice(ChatToolMode? mode, List<ToolDefinition> tools)
    {
        switch (mode)
        {
            case null or AutoChatToolMode:
                return ToolChoice.Auto;
            case NoneChatToolMode:
                return ToolChoice.None;
            case RequiredChatToolMode required:
                string there = tools.Count == 0 ? "no function" : string.Join(", ", tools.Select(tool => tool.Name));
                if (tools.Count == 0)
                {
                    throw new ArgumentException(
                        $"ToolMode requires a call and the request has {there}; add one to Tools, or let ToolMode be null.", nameof(mode));
                }

                if (required.RequiredFunctionName is not string name)
                {
                    return ToolChoice.Required;
                }

                return tools.Exists(tool => tool.Name == name)
                    ? ToolChoice.Named(name)
                    : throw new ArgumentException($"ToolMode requires a call of {name} and the request has {there}; name one of these.", nameof(mode));
            default:
                throw new NotSupportedException($"ToolMode is a {mode.GetType().Name}; use Auto, None, RequireAny or RequireSpecific.");
        }
    }
}

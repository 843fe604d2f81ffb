using GemmaSharp.Server.Http;

namespace GemmaSharp.Server.OpenAI;

/// <summary>Which field errors about a prompt name: interfaces call it differently.</summary>
static class PromptField
{
    /// <summary>Does something; what is wrong with the prompt is said of a field.</summary>
    /// <param name="name">The field.</param>
    /// <param name="work">What is done.</param>
    public static async Task NamedAsync(string name, Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception error) when (error is not ApiException and not OperationCanceledException && ErrorMapping.Of(error) is { Parameter: "messages" })
        {
            ApiException told = ErrorMapping.Of(error);
            throw new ApiException(told.Status, told.Type, told.Message, name, told.Code, told.RetryAfter);
        }
    }
}

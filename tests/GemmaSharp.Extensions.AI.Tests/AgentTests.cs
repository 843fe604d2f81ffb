using Microsoft.Agents.AI;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>Agents of the Agent Framework over the client.</summary>
public sealed class AgentTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Agent_AnswersByTheDemo()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        var agent = new ChatClientAgent(model.AsIChatClient(), new ChatClientAgentOptions { ChatOptions = new ChatOptions { Temperature = 0 } });
        AgentResponse response = await agent.RunAsync("What is the capital of Peru?", cancellationToken: Token);
        Assert.Equal("The capital of Peru is Lima.", response.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Agent_CallsTools_AndRemembersInItsSession(bool streamed)
    {
        using var script = new ScriptedModel("""[{"name":"weather","parameters":{"city":"Lima"}}]""", "Sunny.", "You asked about Lima.");
        AIFunction weather = AIFunctionFactory.Create((string city) => $"sunny in {city}", "weather");
        var agent = new ChatClientAgent(script.Client(), instructions: "Be brief.", name: "Forecaster", tools: [weather]);
        AgentSession session = await agent.CreateSessionAsync(Token);
        Assert.Equal("Sunny.", await Run("How is the weather in Lima?"));
        Assert.Equal("You asked about Lima.", await Run("What did I ask?"));
        Assert.Equal(0, script.Left);

        async Task<string> Run(string text)
        {
            if (!streamed)
            {
                return (await agent.RunAsync(text, session, cancellationToken: Token)).Text;
            }

            List<AgentResponseUpdate> updates = await agent.RunStreamingAsync(text, session, cancellationToken: Token).ToListAsync(Token);

            // One message each for the call, its result and the answer: they are told apart by their ids.
            Assert.All(updates, update => Assert.False(string.IsNullOrEmpty(update.MessageId)));
            return updates.ToAgentResponse().Messages[^1].Text;
        }
    }

    [Fact]
    public async Task Agent_SessionIsSavedAndRestored()
    {
        using var script = new ScriptedModel("Hello.", "Again.");
        var agent = new ChatClientAgent(script.Client());
        AgentSession session = await agent.CreateSessionAsync(Token);
        await agent.RunAsync("Hello", session, cancellationToken: Token);
        System.Text.Json.JsonElement saved = await agent.SerializeSessionAsync(session, cancellationToken: Token);
        AgentSession restored = await agent.DeserializeSessionAsync(saved, cancellationToken: Token);
        AgentResponse response = await agent.RunAsync("And?", restored, cancellationToken: Token);
        Assert.Equal("Again.", response.Text);
        Assert.True(response.Usage!.CachedInputTokenCount > 5);
    }

    [Fact]
    public async Task Agent_GivesTypes()
    {
        using var script = new ScriptedModel("""{"city":"Lima","degrees":21}""");
        var agent = new ChatClientAgent(script.Client());
        AgentResponse<Weather> response = await agent.RunAsync<Weather>("How is it?", cancellationToken: Token);
        Assert.Equal(new Weather("Lima", 21), response.Result);
    }

    sealed record Weather(string City, int Degrees);
}

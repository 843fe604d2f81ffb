using System.Runtime.CompilerServices;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.Operations;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace GemmaSharp.Server.Answers;

/// <summary>Carries tokens from the model to a response: the same for every dialect. Thread-safe.</summary>
sealed class AnswerPump(IOptions<GemmaServerOptions> options, ServerState state, ServerMetrics metrics, Entrance entrance)
{
    /// <summary>What tokens become in the response.</summary>
    /// <param name="index">Of which answer the token is, where there are several.</param>
    /// <param name="token">The token.</param>
    public delegate void Take(int index, in GeneratedToken token);

    public GemmaServerOptions Options => options.Value;

    /// <summary>Notes that a request is begun whose answers are taken one by one; <see cref="RunAsync"/> does it by itself.</summary>
    /// <exception cref="ApiException">The server is being stopped.</exception>
    public ServerState.Scope Begin() => state.Begin();

    /// <summary>Answers a request in full. What goes wrong once the response was begun is said in it; before that, it is thrown.</summary>
    /// <param name="context">The request.</param>
    /// <param name="model">Who answers.</param>
    /// <param name="request">What is answered; model and adapters count, not the adapters in it.</param>
    /// <param name="count">How many answers.</param>
    /// <param name="reply">The response.</param>
    /// <param name="take">Writes what a token becomes; called in the order of each answer.</param>
    /// <param name="end">Writes what follows the last token, told what each answer cost.</param>
    public async Task RunAsync(
        HttpContext context, SelectedModel model, GenerationRequest request, int count, Reply reply, Take take,
        Func<IReadOnlyList<GenerationStatistics>, ValueTask> end)
    {
        using ServerState.Scope scope = state.Begin();
        await TryAsync(context, reply, async () =>
        {
            IReadOnlyList<GenerationStatistics> statistics = await TakeAsync(context, model, request, count, reply, take).ConfigureAwait(false);
            await end(statistics).ConfigureAwait(false);
            await reply.FlushAsync().ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    /// <summary>Does something that writes a response, whose failure is said in the response if it was begun.</summary>
    public async Task TryAsync(HttpContext context, Reply reply, Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception error) when (reply.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            ApiException told = ErrorMapping.Of(error);
            entrance.Report(error, told, context.TraceIdentifier);
            metrics.Failed(told.Status);
            await reply.FailAsync(told).ConfigureAwait(false);
        }
    }

    /// <summary>Has a request answered, and takes its tokens; the response stays open.</summary>
    /// <inheritdoc cref="RunAsync" path="/param"/>
    /// <returns>What each answer cost.</returns>
    public async Task<IReadOnlyList<GenerationStatistics>> TakeAsync(
        HttpContext context, SelectedModel model, GenerationRequest request, int count, Reply reply, Take take)
    {
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, state.Cut);
        IReadOnlyList<AnswerStream> answers = Asked(model, request, count, ending.Token);
        try
        {
            await StartAsync(answers[0].Admitted, reply).ConfigureAwait(false);
            await (answers.Count == 1 ? TakeOneAsync(answers[0], reply, take, ending.Token) : TakeAllAsync(answers, reply, take, ending.Token))
                .ConfigureAwait(false);
            GenerationStatistics[] statistics = [.. answers.Select(answer => answer.Statistics)];
            foreach (GenerationStatistics each in statistics)
            {
                metrics.Answered(model.Served.Id, each);
            }

            return statistics;
        }
        catch (OperationCanceledException) when (state.Cut.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            throw ApiException.Stopping();
        }
        catch (OperationCanceledException)
        {
            metrics.Abandoned();
            throw;
        }
        finally
        {
            foreach (AnswerStream answer in answers)
            {
                await answer.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Asks the model. What it finds wrong with the request at once is the client's; the same kind of error later on is not.</summary>
    static IReadOnlyList<AnswerStream> Asked(SelectedModel model, GenerationRequest request, int count, CancellationToken cancellationToken)
    {
        if (request is { Options: { } options, Messages: [.., { Role: ChatMessage.AssistantRole or "model" } last] } && last.Text.Length > 0
            && (options.Constraint is not null || options.Tools?.Choice.IsRequired == true))
        {
            throw ApiException.Invalid(
                "messages", "The last message is the assistant's, to be gone on with, and the answer's form begins anew; leave out one of them.");
        }

        try
        {
            return model.Model.Answer(request with { Adapters = model.Adapters }, count, cancellationToken);
        }
        catch (ArgumentException error)
        {
            throw ApiException.Invalid(null, ErrorMapping.Sentence(error));
        }
    }

    /// <summary>Begins the response as soon as its status is known, but before the client loses patience.</summary>
    static async Task StartAsync(Task admitted, Reply reply)
    {
        if (!reply.HasStarted && reply.StartsWhenAdmitted)
        {
            if (await EndsWithinAsync(admitted, reply.Patience).ConfigureAwait(false))
            {
                // What is wrong with the request shows here, while there still is a status for it.
                await admitted.ConfigureAwait(false);
            }

            await reply.StartAsync().ConfigureAwait(false);
        }
    }

    static async Task TakeOneAsync(AnswerStream answer, Reply reply, Take take, CancellationToken cancellationToken)
    {
        IAsyncEnumerator<GeneratedToken> tokens = answer.GetAsyncEnumerator(cancellationToken);
        await using ConfiguredAsyncDisposable reading = tokens.ConfigureAwait(false);
        while (true)
        {
            // A task that has completed is mostly one that all share, so this costs nothing.
            Task<bool> next = tokens.MoveNextAsync().AsTask();
            if (!next.IsCompleted)
            {
                // Whatever is there goes out before waiting; tokens that come together are sent together.
                if (reply is { HasStarted: true, StartsWhenAdmitted: true })
                {
                    await reply.FlushAsync().ConfigureAwait(false);
                }

                await KeepAliveAsync(next, reply).ConfigureAwait(false);
            }

            if (!await next.ConfigureAwait(false))
            {
                return;
            }

            take(0, tokens.Current);
        }
    }

    static async Task TakeAllAsync(IReadOnlyList<AnswerStream> answers, Reply reply, Take take, CancellationToken cancellationToken)
    {
        IAsyncEnumerator<GeneratedToken>[] tokens = [.. answers.Select(answer => answer.GetAsyncEnumerator(cancellationToken))];
        var coming = new Dictionary<Task<bool>, int>();
        try
        {
            for (int i = 0; i < tokens.Length; i++)
            {
                Expect(i);
            }

            while (coming.Count > 0)
            {
                Task<Task<bool>> any = Task.WhenAny(coming.Keys);
                if (!any.IsCompleted && reply is { HasStarted: true, StartsWhenAdmitted: true })
                {
                    await reply.FlushAsync().ConfigureAwait(false);
                }

                await KeepAliveAsync(any, reply).ConfigureAwait(false);
                Task<bool> first = await any.ConfigureAwait(false);
                coming.Remove(first, out int index);
                if (await first.ConfigureAwait(false))
                {
                    take(index, tokens[index].Current);
                    Expect(index);
                }
            }
        }
        finally
        {
            foreach (AnswerStream answer in answers)
            {
                await answer.DisposeAsync().ConfigureAwait(false);
            }

            foreach (Task<bool> task in coming.Keys)
            {
                await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            foreach (IAsyncEnumerator<GeneratedToken> each in tokens)
            {
                await each.DisposeAsync().ConfigureAwait(false);
            }
        }

        void Expect(int index)
        {
            Task<bool> next = tokens[index].MoveNextAsync().AsTask();

            // A task that has completed may be one that all share.
            while (!coming.TryAdd(next, index))
            {
                next = Unshared(next);
            }
        }

        static async Task<bool> Unshared(Task<bool> task)
        {
            await Task.Yield();
            return await task.ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Waits for a task, and sends signs of life while the client hears nothing: because nothing comes, or because what comes is held back, as a call of a tool
    /// is until it is whole.
    /// </summary>
    static async Task KeepAliveAsync(Task task, Reply reply)
    {
        while (!task.IsCompleted)
        {
            TimeSpan quiet = reply.Quiet;
            if (quiet <= TimeSpan.Zero || !await EndsWithinAsync(task, quiet).ConfigureAwait(false))
            {
                await reply.SignalAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whether a task ends in a time, however it ends.</summary>
    static async ValueTask<bool> EndsWithinAsync(Task task, TimeSpan time)
    {
        try
        {
            await task.WaitAsync(time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            return false;
        }
        catch (Exception) when (task.IsCompleted)
        {
            return true;
        }
    }
}

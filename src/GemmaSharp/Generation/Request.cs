namespace GemmaSharp.Generation;

/// <summary>Work with one result: a prompt encoded, a pass traced.</summary>
/// <param name="pieces">What is to be done: yields null after each bounded piece and the result at the end.</param>
/// <typeparam name="T">The result.</typeparam>
sealed class Request<T>(Func<Request<T>, IEnumerable<T?>> pieces) : Work
    where T : class
{
    readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    T? _result;

    /// <summary>The result, or what ended the work early.</summary>
    public Task<T> Result => _done.Task;

    protected override IEnumerable<Feed> Run()
    {
        foreach (T? result in pieces(this))
        {
            if (result is null)
            {
                yield return Feed.Pause;
            }
            else
            {
                _result = result;
            }
        }
    }

    protected override void Complete(Exception? error)
    {
        if (error is null)
        {
            _done.TrySetResult(_result!);
        }
        else if (error is OperationCanceledException cancelled)
        {
            _done.TrySetCanceled(cancelled.CancellationToken);
        }
        else
        {
            _done.TrySetException(error);
        }
    }
}

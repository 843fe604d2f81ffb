using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace GemmaSharp.Server.Http;

/// <summary>Maps endpoints, and what is said on the paths between them.</summary>
sealed class RouteTable(IEndpointRouteBuilder routes, Entrance entrance)
{
    static readonly string[] s_get = ["GET", "HEAD"];
    static readonly string[] s_post = ["POST"];
    static readonly string[] s_options = ["OPTIONS"];

    /// <summary>Maps an endpoint that reads.</summary>
    public void Get(string path, Dialect dialect, Func<HttpContext, Task> handle, bool isOpen = false) => Map(path, s_get, dialect, handle, isOpen);

    /// <summary>Maps an endpoint that does something.</summary>
    public void Post(string path, Dialect dialect, Func<HttpContext, Task> handle) => Map(path, s_post, dialect, handle, isOpen: false);

    /// <summary>Maps endpoints of several methods on one path.</summary>
    public void Several(string path, Dialect dialect, params IReadOnlyList<(string Method, Func<HttpContext, Task> Handle)> handlers) =>
        Map(
            path, [.. handlers.Select(each => each.Method)], dialect,
            context => handlers.First(each => each.Method == context.Request.Method).Handle(context), isOpen: false);

    /// <summary>Maps an endpoint of other methods.</summary>
    public void Map(string path, IReadOnlyList<string> methods, Dialect dialect, Func<HttpContext, Task> handle, bool isOpen)
    {
        routes.MapMethods(path, methods, entrance.Of(dialect, handle, isOpen)).WithDisplayName(path);
        Preflight(path);

        // Of a method that it has not, the answer is JSON too.
        routes.Map(path, entrance.Of(dialect, context => throw WrongMethod(context, methods))).WithOrder(1).WithDisplayName(path);
    }

    /// <summary>What is said of paths that nothing is on: JSON, for who asks is no person.</summary>
    public void NotFound(string pattern, Dialect dialect) => routes
        .Map(pattern, entrance.Of(dialect, context => throw new ApiException(
            StatusCodes.Status404NotFound, ApiException.InvalidRequest,
            $"There is nothing at {Strangers.Shown(context.Request.Path.Value!)}; the endpoints are in the documentation of the server.", null, "unknown_url")))
        .WithOrder(3).WithDisplayName(pattern);

    /// <summary>Answers what browsers ask before they let a page of another origin ask.</summary>
    void Preflight(string path) => routes.MapMethods(path, s_options, entrance.Of(
        Dialect.OpenAI,
        context =>
        {
            Cors.AnswerPreflight(context);
            return Task.CompletedTask;
        },
        isOpen: true)).WithOrder(-1).WithDisplayName(path);

    static ApiException WrongMethod(HttpContext context, IReadOnlyList<string> methods)
    {
        string allowed = string.Join(", ", methods);
        context.Response.OnStarting(() =>
        {
            context.Response.Headers.Allow = allowed;
            return Task.CompletedTask;
        });
        return new ApiException(
            StatusCodes.Status405MethodNotAllowed, ApiException.InvalidRequest,
            $"{Strangers.Shown(context.Request.Path.Value!)} was asked for with {Strangers.Shown(context.Request.Method)}; use {allowed}.", null,
            "method_not_allowed");
    }
}

using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace GemmaSharp.Extensions.AI;

/// <summary>Whether a model answers: loaded is healthy, not yet wanted or being loaded is degraded, failed is what the check was registered with.</summary>
sealed class GemmaHealthCheck(GemmaModelProvider provider) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        HealthCheckResult result = provider.Loaded is GemmaModel model
            ? HealthCheckResult.Healthy($"{provider.Name} is loaded.", new Dictionary<string, object>
            {
                ["model"] = provider.Name,
                ["context_length"] = model.ContextLength,
                ["threads"] = model.Threads,
            })
            : provider.Failure is Exception error
                ? new HealthCheckResult(context.Registration.FailureStatus, $"{provider.Name} could not be loaded: {error.Message}", error)
                : HealthCheckResult.Degraded($"{provider.Name} is not loaded yet.");
        return Task.FromResult(result);
    }
}

using System.Diagnostics;
using GemmaSharp.Configuration;
using GemmaSharp.Model.Audio;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Cli.Bench;

/// <summary>Times the towers on made-up pictures and clips; reading files is not part of it.</summary>
static class MediaBench
{
    const int FramesPerSecond = 100;

    /// <summary>One picture through the vision tower.</summary>
    public static EncodeResult Image(VisionTower tower, VisionConfig config, int side, int repetitions, WorkerTeam team, CancellationToken cancellationToken)
    {
        float[] pixels = Fill(3 * side * side, 0.5f, 1);
        float[] tokens = new float[tower.TokensPerImage * tower.HiddenSize];
        Measurement time = Measurement.Take(repetitions, () => Time(() => tower.Forward(pixels, side, side, tokens, team, null)), cancellationToken);
        return new EncodeResult($"{side} × {side}", time, 2 * VisionWork.MultiplyAdds(config, side, side).Values.Sum());
    }

    /// <summary>One clip of log-mel features through the audio tower.</summary>
    public static EncodeResult Audio(AudioTower tower, AudioConfig config, int seconds, int repetitions, WorkerTeam team, CancellationToken cancellationToken)
    {
        int frames = seconds * FramesPerSecond;
        float[] mel = Fill(frames * tower.Bands, -3, 8);
        float[] tokens = new float[tower.OutputFrames(frames) * tower.Width];
        Measurement time = Measurement.Take(repetitions, () => Time(() => tower.Forward(mel, frames, tokens, team)), cancellationToken);
        return new EncodeResult($"{seconds} s", time, 2 * AudioWork.MultiplyAdds(config, frames));
    }

    static double Time(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    static float[] Fill(int count, float offset, float factor)
    {
        float[] values = new float[count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = offset + (factor * (float)WeightRule.U((uint)i));
        }

        return values;
    }
}

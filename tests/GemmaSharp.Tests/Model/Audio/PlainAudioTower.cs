using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Tests.Model.Audio;

/// <summary>
/// The tower once more, in float64 and plain loops, with attention in the reference's blocked form: what the fast one is compared with
/// where no recording exists.
/// </summary>
sealed class PlainAudioTower(AudioConfig config, IReadOnlyDictionary<string, float[]> weights)
{
    readonly int _width = config.HiddenSize;

    /// <summary>What the first block's attention gave, padded steps included.</summary>
    public double[][]? FirstAttention { get; private set; }

    /// <summary>Output rows <c>[T / 16][D]</c> of one clip; padded rows are 0.</summary>
    public double[][] Forward(float[] mel, int frames, int validFrames)
    {
        double[][] x = Subsample(mel, frames);
        int stride = config.SscpConvStrideSize[0][0] * config.SscpConvStrideSize[1][0];
        bool[] valid = [.. x.Select((_, t) => Math.Min(t * stride, frames - 1) < validFrames)];
        for (int i = 0; i < config.ConfNumHiddenLayers; i++)
        {
            x = Block($"audio_tower.conformer.{i}.", x, valid);
        }

        return [.. x.Select((row, t) => valid[t] ? row : new double[_width]).Where((_, t) => t % config.ConfReductionFactor == 0)];
    }

    double[][] Subsample(float[] mel, int frames)
    {
        // [time][frequency][channel]
        double[][][] z = [.. Enumerable.Range(0, frames)
            .Select(t => Enumerable.Range(0, config.InputFeatSize).Select(f => new[] { (double)mel[t * config.InputFeatSize + f] }).ToArray())];
        for (int i = 0; i < 2; i++)
        {
            string path = $"audio_tower.subsample_conv_projection.conv_{i}.";
            z = Norm(Convolve(z, weights[path + "conv.weight"], i), weights[path + "norm.weight"]);
        }

        float[] projection = weights["audio_tower.subsample_conv_projection.input_proj_linear.weight"];
        return [.. z.Select(step => Linear(projection, [.. step.SelectMany(c => c)]))];
    }

    double[][][] Convolve(double[][][] z, float[] w, int layer)
    {
        (int kt, int kf) = (config.SscpConvKernelSize[layer][0], config.SscpConvKernelSize[layer][1]);
        (int st, int sf) = (config.SscpConvStrideSize[layer][0], config.SscpConvStrideSize[layer][1]);
        int ins = z[0][0].Length;
        int outs = config.SscpConvChannelSize[layer];
        int steps = (z.Length - 1) / st + 1;
        int frequencies = (z[0].Length + 2 - kf) / sf + 1;
        double Value(int t, int f, int c) => t < z.Length && f >= 0 && f < z[0].Length ? z[t][f][c] : 0;
        return [.. Enumerable.Range(0, steps).Select(t => Enumerable.Range(0, frequencies).Select(f => Enumerable.Range(0, outs).Select(o =>
        {
            double sum = 0;
            for (int c = 0; c < ins; c++)
            {
                for (int i = 0; i < kt; i++)
                {
                    for (int j = 0; j < kf; j++)
                    {
                        sum += w[((o * ins + c) * kt + i) * kf + j] * Value(t * st + i, f * sf + j - 1, c);
                    }
                }
            }

            return sum;
        }).ToArray()).ToArray())];
    }

    double[][][] Norm(double[][][] z, float[] w)
    {
        double count = 0, sum = 0, deviation = 0;
        foreach (double[][] step in z)
        {
            count += step.Length * step[0].Length;
            sum += step.Sum(c => c.Sum());
            double mean = sum / count;
            deviation += step.Sum(c => c.Sum(v => (v - mean) * (v - mean)));
            double scale = 1 / Math.Sqrt(deviation / count + config.SscpConvGroupNormEps);
            foreach (double[] channels in step)
            {
                for (int c = 0; c < channels.Length; c++)
                {
                    channels[c] = Math.Max(0, (channels[c] - mean) * scale * w[c]);
                }
            }
        }

        return z;
    }

    double[][] Block(string path, double[][] x, bool[] valid)
    {
        x = FeedForward($"{path}ffw_layer_start.", x);
        x = Attention($"{path}attention.", x, valid);
        FirstAttention ??= x;
        x = [.. x.Select((row, t) => valid[t] ? row : new double[_width])];
        x = LightConvolution($"{path}lconv1d.", x);
        x = FeedForward($"{path}ffw_layer_end.", x);
        return [.. x.Select(row => Rms(Clip(row), weights[path + "norm.weight"]))];
    }

    double[][] FeedForward(string path, double[][] x) => [.. x.Select(row =>
    {
        double[] h = Linear(weights[path + "ffw_layer_1.weight"], Rms(Clip(row), weights[path + "pre_layer_norm.weight"]));
        h = Linear(weights[path + "ffw_layer_2.weight"], [.. h.Select(Silu)]);
        return Add(row, Rms(Clip(h), weights[path + "post_layer_norm.weight"]), config.ConfResidualWeight);
    })];

    double[][] Attention(string path, double[][] x, bool[] valid)
    {
        int chunk = config.ConfAttentionChunkSize, left = Math.Max(0, config.ConfAttentionContextLeft - 1), right = config.ConfAttentionContextRight;
        int context = chunk + left + right, size = _width / config.ConfNumAttentionHeads;
        double[][] h = [.. x.Select(row => Rms(Clip(row), weights[path + "pre_attn_norm.weight"]))];
        double[][] Project(string name) => [.. h.Select(row => Linear(weights[$"{path}attn.{name}.weight"], row))];
        (double[][] q, double[][] k, double[][] v) = (Project("q_proj"), Project("k_proj"), Project("v_proj"));
        double[] scale = [.. weights[path + "attn.per_dim_scale"].Select(s => Math.Log(1 + Math.Exp(s)) / (Math.Sqrt(size) * Math.Log(2)))];
        double[] zero = new double[_width];

        return [.. x.Select((row, t) =>
        {
            int block = t / chunk * chunk;
            double[] mixed = new double[_width];
            for (int head = 0; head < config.ConfNumAttentionHeads; head++)
            {
                double[] logits = new double[context];
                for (int c = 0; c < context; c++)
                {
                    int s = block + c - left, w = t - block;
                    bool allowed = c >= w && c <= w + left + right && s >= 0 && s < x.Length && valid[s];
                    double sum = 0;
                    double[] position = allowed ? Position(path, left - (c - w)) : zero;
                    for (int d = head * size; allowed && d < (head + 1) * size; d++)
                    {
                        sum += q[t][d] * scale[d % size] * (k[s][d] + position[d]);
                    }

                    logits[c] = allowed ? config.ConfAttentionLogitCap * Math.Tanh(sum / config.ConfAttentionLogitCap) : -float.MaxValue;
                }

                double max = logits.Max();
                double[] e = [.. logits.Select(l => Math.Exp(l - max))];
                for (int d = head * size; d < (head + 1) * size; d++)
                {
                    mixed[d] = Enumerable.Range(0, context).Sum(c => e[c] / e.Sum() * (block + c - left is int s && s >= 0 && s < x.Length ? v[s][d] : 0));
                }
            }

            return Add(row, Rms(Clip(Linear(weights[path + "post.weight"], mixed)), weights[path + "post_norm.weight"]), 1);
        })];
    }

    double[] Position(string path, int distance)
    {
        int half = _width / 2;
        double Angle(int i) => distance * Math.Exp(-i * Math.Log(10_000) / Math.Max(half - 1, 1));
        double[] wave = [.. Enumerable.Range(0, half).Select(i => Math.Sin(Angle(i))), .. Enumerable.Range(0, half).Select(i => Math.Cos(Angle(i)))];
        return Linear(weights[path + "attn.relative_position_embedding.pos_proj.weight"], wave);
    }

    double[][] LightConvolution(string path, double[][] x)
    {
        int kernel = config.ConfConvKernelSize;
        float[] taps = weights[path + "depthwise_conv1d.weight"];
        double[][] g = [.. x.Select(row =>
        {
            double[] pair = Linear(weights[path + "linear_start.weight"], Rms(row, weights[path + "pre_layer_norm.weight"]));
            return Enumerable.Range(0, _width).Select(d => pair[d] / (1 + Math.Exp(-pair[_width + d]))).ToArray();
        })];
        return [.. x.Select((row, t) =>
        {
            double[] c = [.. Enumerable.Range(0, _width).Select(d => Enumerable.Range(0, kernel)
                .Sum(j => t - kernel + 1 + j >= 0 ? taps[d * kernel + j] * g[t - kernel + 1 + j][d] : 0))];
            return Add(row, Linear(weights[path + "linear_end.weight"], [.. Rms(Clip(c), weights[path + "conv_norm.weight"]).Select(Silu)]), 1);
        })];
    }

    static double Silu(double v) => v / (1 + Math.Exp(-v));

    double[] Clip(double[] x) => [.. x.Select(v => Math.Clamp(v, -config.GradientClipping, config.GradientClipping))];

    double[] Rms(double[] x, float[] w)
    {
        double scale = 1 / Math.Sqrt(x.Average(v => v * v) + config.RmsNormEps);
        return [.. x.Select((v, i) => v * scale * w[i])];
    }

    static double[] Linear(float[] w, double[] x)
    {
        double[] y = new double[w.Length / x.Length];
        for (int row = 0; row < y.Length; row++)
        {
            for (int i = 0; i < x.Length; i++)
            {
                y[row] += w[row * x.Length + i] * x[i];
            }
        }

        return y;
    }

    static double[] Add(double[] x, double[] y, double factor) => [.. x.Select((v, i) => v + factor * y[i])];
}

using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Tests.Model.Vision;

/// <summary>The tower in double precision, NCHW, by direct loops, read off the tensors' names and shapes alone.</summary>
sealed class PlainTower(IReadOnlyDictionary<string, (long[] Shape, double[] Values)> tensors, int resolution = 16)
{
    public sealed record Map(int Channels, int Height, int Width, double[] Values)
    {
        public Map(int channels, int height, int width)
            : this(channels, height, width, new double[channels * height * width])
        {
        }

        public double this[int c, int y, int x]
        {
            get => Values[(((c * Height) + y) * Width) + x];
            set => Values[(((c * Height) + y) * Width) + x] = value;
        }
    }

    /// <summary>Outputs by name: <c>conv_stem</c>, <c>blocks.s.b</c>, <c>msfa</c>.</summary>
    public Dictionary<string, Map> Forward(float[] pixels, int height, int width)
    {
        Dictionary<string, Map> outputs = [];
        Map x = Convolve(new Map(3, height, width, [.. pixels.Select(p => (double)p)]), "conv_stem.conv", 2);
        if (tensors.TryGetValue("conv_stem.conv.bias", out (long[] Shape, double[] Values) bias))
        {
            x = Each(x, (c, v) => v + bias.Values[c]);
        }
        outputs["conv_stem"] = x = Gelu(Norm(x, "conv_stem.bn"));
        List<Map> features = [];
        for (int s = 0; Any($"blocks.{s}."); s++)
        {
            for (int b = 0; Any($"blocks.{s}.{b}."); b++)
            {
                outputs[$"blocks.{s}.{b}"] = x = Block(x, $"blocks.{s}.{b}.", b == 0 ? 2 : 1);
            }
            features.Add(x);
        }
        outputs["msfa"] = Fuse(features[^2], features[^1]);
        return outputs;
    }

    Map Block(Map x, string name, int stride)
    {
        Map y = Has($"{name}conv_exp") ? Edge(x, name, stride) : Has($"{name}attn.query.proj") ? Attention(x, name) : Inverted(x, name, stride);
        return stride == 1 && x.Channels == y.Channels ? Add(x, y) : y;
    }

    Map Edge(Map x, string name, int stride)
    {
        x = Gelu(Norm(Convolve(x, $"{name}conv_exp", stride), $"{name}bn1"));
        return Norm(Convolve(x, $"{name}conv_pwl", 1), $"{name}bn2");
    }

    Map Inverted(Map x, string name, int stride)
    {
        bool middle = Has($"{name}dw_mid.conv");
        if (Has($"{name}dw_start.conv"))
        {
            x = Norm(Depthwise(x, $"{name}dw_start.conv", middle ? 1 : stride), $"{name}dw_start.bn");
        }
        x = Gelu(Norm(Convolve(x, $"{name}pw_exp.conv", 1), $"{name}pw_exp.bn"));
        if (middle)
        {
            x = Gelu(Norm(Depthwise(x, $"{name}dw_mid.conv", stride), $"{name}dw_mid.bn"));
        }
        return Scale(Norm(Convolve(x, $"{name}pw_proj.conv", 1), $"{name}pw_proj.bn"), name);
    }

    Map Attention(Map x, string name)
    {
        x = Norm(x, $"{name}norm");
        Map query = Convolve(x, $"{name}attn.query.proj", 1);
        Map key = KeyOrValue(x, $"{name}attn.key.");
        Map value = KeyOrValue(x, $"{name}attn.value.");
        int heads = query.Channels / key.Channels, queries = x.Height * x.Width, keys = key.Height * key.Width;
        Map mixed = new(heads * value.Channels, x.Height, x.Width);
        for (int h = 0; h < heads; h++)
        {
            for (int n = 0; n < queries; n++)
            {
                double[] scores = new double[keys];
                for (int m = 0; m < keys; m++)
                {
                    for (int d = 0; d < key.Channels; d++)
                    {
                        scores[m] += query.Values[(((h * key.Channels) + d) * queries) + n] * key.Values[(d * keys) + m];
                    }
                    scores[m] /= Math.Sqrt(key.Channels);
                }
                double max = scores.Max();
                double sum = scores.Sum(v => Math.Exp(v - max));
                for (int d = 0; d < value.Channels; d++)
                {
                    double total = 0;
                    for (int m = 0; m < keys; m++)
                    {
                        total += Math.Exp(scores[m] - max) / sum * value.Values[(d * keys) + m];
                    }
                    mixed.Values[(((h * value.Channels) + d) * queries) + n] = total;
                }
            }
        }
        return Scale(Convolve(mixed, $"{name}attn.output.proj", 1), name);
    }

    Map KeyOrValue(Map x, string name) => Convolve(
        Has($"{name}down_conv") ? Norm(Depthwise(x, $"{name}down_conv", 2), $"{name}norm") : x, $"{name}proj", 1);

    Map Fuse(Map high, Map low)
    {
        Map both = new(high.Channels + low.Channels, high.Height, high.Width);
        for (int c = 0; c < both.Channels; c++)
        {
            for (int y = 0; y < high.Height; y++)
            {
                for (int x = 0; x < high.Width; x++)
                {
                    both[c, y, x] = c < high.Channels
                        ? high[c, y, x]
                        : low[c - high.Channels, y * low.Height / high.Height, x * low.Width / high.Width];
                }
            }
        }
        Map fused = Gelu(Norm(Convolve(both, "msfa.ffn.pw_exp.conv", 1), "msfa.ffn.pw_exp.bn"));
        fused = Norm(Convolve(fused, "msfa.ffn.pw_proj.conv", 1), "msfa.ffn.pw_proj.bn");
        bool pool = fused.Height % resolution == 0 && fused.Width % resolution == 0;
        return Norm(pool ? Pool(fused) : Bilinear(fused), "msfa.norm");
    }

    Map Pool(Map x)
    {
        Map y = new(x.Channels, resolution, resolution);
        int cellHeight = x.Height / resolution, cellWidth = x.Width / resolution;
        for (int c = 0; c < x.Channels; c++)
        {
            for (int i = 0; i < x.Height; i++)
            {
                for (int j = 0; j < x.Width; j++)
                {
                    y[c, i / cellHeight, j / cellWidth] += x[c, i, j] / (cellHeight * cellWidth);
                }
            }
        }
        return y;
    }

    Map Bilinear(Map x)
    {
        Map y = new(x.Channels, resolution, resolution);
        for (int c = 0; c < x.Channels; c++)
        {
            for (int i = 0; i < resolution; i++)
            {
                for (int j = 0; j < resolution; j++)
                {
                    double row = Math.Max(0, ((i + 0.5) * x.Height / resolution) - 0.5), column = Math.Max(0, ((j + 0.5) * x.Width / resolution) - 0.5);
                    int top = (int)row, left = (int)column, bottom = Math.Min(top + 1, x.Height - 1), right = Math.Min(left + 1, x.Width - 1);
                    double down = row - top, across = column - left;
                    y[c, i, j] = ((1 - down) * (((1 - across) * x[c, top, left]) + (across * x[c, top, right])))
                        + (down * (((1 - across) * x[c, bottom, left]) + (across * x[c, bottom, right])));
                }
            }
        }
        return y;
    }

    Map Convolve(Map x, string name, int stride)
    {
        (long[] shape, double[] w) = tensors[$"{name}.weight"];
        int outs = (int)shape[0], kernel = (int)shape[2];
        (int height, int top) = Same(x.Height, kernel, stride);
        (int width, int left) = Same(x.Width, kernel, stride);
        Map y = new(outs, height, width);
        for (int o = 0; o < outs; o++)
        {
            for (int i = 0; i < height; i++)
            {
                for (int j = 0; j < width; j++)
                {
                    double sum = 0;
                    for (int c = 0; c < x.Channels; c++)
                    {
                        sum += Window(x, c, (i * stride) - top, (j * stride) - left, w, ((o * x.Channels) + c) * kernel * kernel, kernel);
                    }
                    y[o, i, j] = sum;
                }
            }
        }
        return y;
    }

    Map Depthwise(Map x, string name, int stride)
    {
        (long[] shape, double[] w) = tensors[$"{name}.weight"];
        int kernel = (int)shape[2];
        (int height, int top) = Same(x.Height, kernel, stride);
        (int width, int left) = Same(x.Width, kernel, stride);
        Map y = new(x.Channels, height, width);
        for (int c = 0; c < x.Channels; c++)
        {
            for (int i = 0; i < height; i++)
            {
                for (int j = 0; j < width; j++)
                {
                    y[c, i, j] = Window(x, c, (i * stride) - top, (j * stride) - left, w, c * kernel * kernel, kernel);
                }
            }
        }
        return y;
    }

    static double Window(Map x, int c, int row, int column, double[] w, int at, int kernel)
    {
        double sum = 0;
        for (int ky = 0; ky < kernel; ky++)
        {
            for (int kx = 0; kx < kernel; kx++)
            {
                int y = row + ky, z = column + kx;
                if (y >= 0 && y < x.Height && z >= 0 && z < x.Width)
                {
                    sum += x[c, y, z] * w[at + (ky * kernel) + kx];
                }
            }
        }
        return sum;
    }

    static (int Size, int Before) Same(int size, int kernel, int stride)
    {
        int output = (size + stride - 1) / stride;
        return (output, Math.Max(0, ((output - 1) * stride) + kernel - size) / 2);
    }

    Map Norm(Map x, string name)
    {
        double[] weight = tensors[$"{name}.weight"].Values;
        int pixels = x.Height * x.Width;
        Map y = new(x.Channels, x.Height, x.Width);
        for (int p = 0; p < pixels; p++)
        {
            double sum = 0;
            for (int c = 0; c < x.Channels; c++)
            {
                sum += x.Values[(c * pixels) + p] * x.Values[(c * pixels) + p];
            }
            double scale = 1 / Math.Sqrt((sum / x.Channels) + 1e-6);
            for (int c = 0; c < x.Channels; c++)
            {
                y.Values[(c * pixels) + p] = x.Values[(c * pixels) + p] * scale * weight[c];
            }
        }
        return y;
    }

    Map Scale(Map x, string name) => tensors.TryGetValue($"{name}layer_scale.gamma", out (long[] Shape, double[] Values) gamma)
        ? Each(x, (c, v) => v * gamma.Values[c])
        : x;

    static Map Gelu(Map x) => Each(x, (_, v) => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + (0.044715 * v * v * v)))));

    static Map Add(Map x, Map y) => x with { Values = [.. x.Values.Zip(y.Values, (a, b) => a + b)] };

    static Map Each(Map x, Func<int, double, double> f) =>
        x with { Values = [.. x.Values.Select((v, i) => f(i / (x.Height * x.Width), v))] };

    bool Has(string module) => tensors.ContainsKey($"{module}.weight");

    bool Any(string prefix) => tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));
}

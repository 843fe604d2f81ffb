using GemmaSharp.Checkpoints;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Conversion.Comparison;

/// <summary>The parameters of a checkpoint as one side of a comparison, by canonical name.</summary>
sealed class ComparedCheckpoint : IDisposable
{
    readonly Checkpoint _checkpoint;
    readonly Dictionary<string, ParameterRequest> _requests;
    readonly Dictionary<string, StoredTensor> _tensors;
    readonly KernelLayouts _kernels;

    /// <exception cref="CheckpointException">The folder is no checkpoint.</exception>
    /// <exception cref="ConfigurationException">Its configuration is of another model, or impossible.</exception>
    public ComparedCheckpoint(string folder)
    {
        _checkpoint = Checkpoint.Open(folder, new CheckpointOptions { HeadersOnly = true });
        try
        {
            ModelParts.Build(_checkpoint.Root, _checkpoint.Config);
        }
        catch
        {
            _checkpoint.Dispose();
            throw;
        }

        _requests = _checkpoint.Requests.GroupBy(r => r.Tensor).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        _tensors = _checkpoint.Tensors.ToDictionary(t => t.CanonicalName, StringComparer.Ordinal);
        _kernels = new KernelLayouts(_checkpoint.Tensors);
        Parameters = Collect();
    }

    /// <summary>Everything the checkpoint has; scales and biases belong to their weights, and a head beside tied embeddings is a copy.</summary>
    public IReadOnlyDictionary<string, ComparedParameter> Parameters { get; }

    /// <summary>The checkpoint.</summary>
    public Checkpoint Checkpoint => _checkpoint;

    /// <summary>Closes the files.</summary>
    public void Dispose() => _checkpoint.Dispose();

    Dictionary<string, ComparedParameter> Collect()
    {
        var parameters = new Dictionary<string, ComparedParameter>(StringComparer.Ordinal);
        var parts = new HashSet<string>(StringComparer.Ordinal);
        bool tied = _checkpoint.Config.TextConfig.TieWordEmbeddings;
        foreach (StoredTensor tensor in _checkpoint.Tensors)
        {
            string name = tensor.CanonicalName;
            if (!TensorNames.IsComputed(name) && !(tied && name.StartsWith("lm_head.", StringComparison.Ordinal)))
            {
                ComparedParameter parameter = Parameter(tensor);
                parameters.Add(name, parameter);
                parts.UnionWith(parameter.Parts.Skip(1).Select(part => part.CanonicalName));
            }
        }

        foreach (string part in parts)
        {
            parameters.Remove(part);
        }

        return parameters;
    }

    ComparedParameter Parameter(StoredTensor tensor)
    {
        string name = tensor.CanonicalName;
        _requests.TryGetValue(name, out ParameterRequest? request);

        // What is asked for only if it is there may also be absent.
        bool optional = request is null || name.EndsWith(".conv_stem.conv.bias", StringComparison.Ordinal);
        if (Quantised(tensor, request) is StoredMatrix matrix)
        {
            return new ComparedParameter(name, tensor) { Matrix = matrix, Shape = [tensor.Shape[0], matrix.Columns], IsOptional = optional };
        }

        return request?.ModuleType.Contains("Convolution", StringComparison.Ordinal) == true && Kernel(tensor, request) is ComparedParameter kernel
            ? kernel
            : new ComparedParameter(name, tensor) { Shape = tensor.Shape, IsOptional = optional };
    }

    StoredMatrix? Quantised(StoredTensor tensor, ParameterRequest? request)
    {
        string name = tensor.CanonicalName;
        if (tensor.Type != ElementType.U32 || tensor.Shape.Count != 2 || !name.EndsWith(".weight", StringComparison.Ordinal))
        {
            return null;
        }

        // Projections of layers that share keys and values are not asked for; they read the residual stream.
        string module = name[..^".weight".Length];
        long columns = request?.StoredShape is [_, long asked] ? asked
            : module.EndsWith(".self_attn.k_proj", StringComparison.Ordinal)
                || module.EndsWith(".self_attn.v_proj", StringComparison.Ordinal) ? _checkpoint.Config.TextConfig.HiddenSize
            : 0;
        return columns is > 0 and <= int.MaxValue
            && _tensors.TryGetValue(module + ".scales", out StoredTensor? scales) && scales.Shape is [long rows, long groups] && rows == tensor.Shape[0]
            && QuantizationFormat.TryDerive(columns, tensor.Shape[1], groups, scales.Type, out QuantizationFormat? format, out _)
            && _tensors.TryGetValue(module + ".biases", out StoredTensor? biases) == format.HasBiases
            && (biases is null || (biases.Type == scales.Type && biases.Shape.SequenceEqual(scales.Shape) && ParameterReader.IsMatrixType(scales.Type)))
            ? new StoredMatrix(module, tensor, scales, biases, format, (int)columns)
            : null;
    }

    ComparedParameter? Kernel(StoredTensor tensor, ParameterRequest request)
    {
        if (request.Shape is [long channels, 1, long taps] && tensor.Shape.SequenceEqual([channels, taps, 1]))
        {
            return new ComparedParameter(tensor.CanonicalName, tensor) { Shape = request.Shape };
        }

        bool turned = _checkpoint.TurnsVisionKernels && tensor.CanonicalName.StartsWith("vision_tower.", StringComparison.Ordinal);
        if (request.Shape.Count != 4 || !_kernels.Fit(tensor, request.Shape, turned, out KernelLayout layout))
        {
            return null;
        }

        (int ins, int height, int width) = ((int)request.Shape[1], (int)request.Shape[2], (int)request.Shape[3]);
        bool moves = (turned && height * width > 1) || (layout == KernelLayout.Mlx && ins > 1 && height * width > 1);
        return new ComparedParameter(tensor.CanonicalName, tensor) { Shape = request.Shape, Order = moves ? Order(ins, height, width, layout, turned) : null };
    }

    // Element [i, y, x] of a row of Hugging Face's layout is this one of the stored row.
    static int[] Order(int ins, int height, int width, KernelLayout layout, bool turned)
    {
        int[] order = new int[ins * height * width];
        int at = 0;
        for (int i = 0; i < ins; i++)
        {
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    int tap = turned ? x * height + y : y * width + x;
                    order[at++] = layout == KernelLayout.Mlx ? tap * ins + i : i * height * width + tap;
                }
            }
        }

        return order;
    }
}

/// <summary>A stored parameter whose rows can be read as float32 in Hugging Face's order, however it is stored.</summary>
sealed class ComparedParameter(string name, StoredTensor weight)
{
    byte[] _weights = [];
    byte[] _scales = [];
    byte[] _biases = [];
    float[] _row = [];

    /// <summary>Canonical name.</summary>
    public string Name => name;

    /// <summary>The stored weight.</summary>
    public StoredTensor Weight => weight;

    /// <summary>The quantised tensors; <see langword="null"/> when dense.</summary>
    public StoredMatrix? Matrix { get; init; }

    /// <summary>Shape in Hugging Face's layout, unpacked.</summary>
    public required IReadOnlyList<long> Shape { get; init; }

    /// <summary>Where each element of a stored row of a kernel comes from; <see langword="null"/> for rows in Hugging Face's order.</summary>
    public int[]? Order { get; init; }

    /// <summary>Whether the model also runs without it, or does not use it.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Whether its values are numbers this can read.</summary>
    public bool IsFloat =>
        Matrix is not null || (weight.Blocks is not null && weight.Shape.Count > 1)
        || weight.Type is ElementType.F64 or ElementType.F32 or ElementType.F16 or ElementType.BF16;

    /// <summary>Elements of the first axis.</summary>
    public long Rows => Shape.Count == 0 ? 1 : Shape[0];

    /// <summary>Elements of a row.</summary>
    public long RowLength => Shape.Skip(1).Aggregate(1L, (size, axis) => size * axis);

    /// <summary>Its tensors.</summary>
    public IEnumerable<StoredTensor> Parts => Matrix is { Scales: StoredTensor scales } ? Matrix.Biases is StoredTensor biases
        ? [weight, scales, biases]
        : [weight, scales] : [weight];

    /// <summary>What is told about it.</summary>
    public ParameterForm Form => new(weight.Name, weight.File.Name, Shape, Matrix?.Format?.Name ?? weight.TypeName.ToLowerInvariant());

    /// <summary>Whether equal bytes mean equal values.</summary>
    public bool IsStoredAs(ComparedParameter other) =>
        (Order is null) == (other.Order is null) && (Order is null || Order.AsSpan().SequenceEqual(other.Order))
        && Matrix?.Format == other.Matrix?.Format
            && Parts.Zip(other.Parts).All(
                pair => pair.First.Type == pair.Second.Type && pair.First.Blocks == pair.Second.Blocks && pair.First.Entry.Length == pair.Second.Entry.Length);

    /// <summary>Whether values lie in Hugging Face's order, so that they can be read in any pieces.</summary>
    public bool IsFlat => Matrix is null && Order is null && weight.Blocks is null;

    /// <summary>Reads rows as float32.</summary>
    /// <param name="reader">Reads the file.</param>
    /// <param name="first">First row.</param>
    /// <param name="count">How many.</param>
    /// <param name="length">Elements of a row: <see cref="RowLength"/>, or any where it <see cref="IsFlat"/>.</param>
    /// <param name="destination">Receives the values.</param>
    public void Read(TensorReader reader, long first, int count, int length, Span<float> destination)
    {
        if (Matrix is { Format: QuantizationFormat format } matrix)
        {
            ReadOnlySpan<byte> codes = Bytes(reader, weight, ref _weights, first, count, matrix.WeightRowBytes);
            ReadOnlySpan<byte> scales = Bytes(reader, matrix.Scales!, ref _scales, first, count, matrix.ScaleRowBytes);
            ReadOnlySpan<byte> biases = matrix.Biases is null ? [] : Bytes(reader, matrix.Biases, ref _biases, first, count, matrix.ScaleRowBytes);
            for (int r = 0; r < count; r++)
            {
                Quantizer.DequantizeRow(
                    Row(codes, r, matrix.WeightRowBytes), Row(scales, r, matrix.ScaleRowBytes), biases.IsEmpty ? [] : Row(biases, r, matrix.ScaleRowBytes),
                    matrix.NumberType, format, destination.Slice(r * matrix.Columns, matrix.Columns));
            }

            return;
        }

        if (weight.Blocks is BlockType blocks)
        {
            BlockRows.Read(
                blocks, Bytes(reader, weight, ref _weights, first, count, checked((int)blocks.RowBytes(length))), destination[..checked(count * length)]);
            return;
        }

        ReadOnlySpan<byte> bytes = Bytes(reader, weight, ref _weights, first, count, length * weight.Type.SizeInBytes());
        if (weight.Type == ElementType.F64)
        {
            for (int i = 0; i < count * length; i++)
            {
                destination[i] = (float)BitConverter.ToDouble(bytes[(i * sizeof(double))..]);
            }
        }
        else
        {
            StoredFloats.Read(bytes, weight.Type, destination[..(count * length)]);
        }

        Reorder(destination, count, length);
    }

    void Reorder(Span<float> rows, int count, int length)
    {
        if (Order is null)
        {
            return;
        }

        _row = _row.Length >= length ? _row : new float[length];
        for (int r = 0; r < count; r++)
        {
            Span<float> row = rows.Slice(r * length, length);
            row.CopyTo(_row);
            for (int i = 0; i < length; i++)
            {
                row[i] = _row[Order[i]];
            }
        }
    }

    static ReadOnlySpan<byte> Bytes(TensorReader reader, StoredTensor tensor, ref byte[] buffer, long first, int count, int rowBytes)
    {
        int bytes = checked(count * rowBytes);
        if (buffer.Length < bytes)
        {
            buffer = new byte[bytes];
        }

        Span<byte> read = buffer.AsSpan(0, bytes);
        reader.Read(tensor, first * rowBytes, read);
        return read;
    }

    static ReadOnlySpan<byte> Row(ReadOnlySpan<byte> bytes, int row, int rowBytes) => bytes.Slice(row * rowBytes, rowBytes);
}

/// <summary>The errors of a row of values <c>a</c> against <c>b</c>, gathered piece by piece in double precision.</summary>
sealed class DifferenceSum
{
    double _difference;
    double _largest;
    double _squares;
    double _squaresOfB;
    long _length;
    bool _otherKind;

    /// <summary><c>max|a − b| / max|b|</c>; infinite when <c>b</c> is all zeros and <c>a</c> is not, or a value is finite on one side only.</summary>
    public double Relative => _otherKind ? double.PositiveInfinity : _difference == 0 ? 0 : _difference / _largest;

    /// <summary><c>√(Σ(a − b)² / Σb²)</c>, likewise.</summary>
    public double RootMeanSquare => _otherKind ? double.PositiveInfinity : _squares == 0 ? 0 : Math.Sqrt(_squares / _squaresOfB);

    /// <summary>Index of the largest difference.</summary>
    public long WorstIndex { get; private set; }

    /// <summary>Adds the next values.</summary>
    public void Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        for (int i = 0; i < a.Length; i++)
        {
            double x = a[i], y = b[i], d = Math.Abs(x - y);
            if (!double.IsFinite(d))
            {
                // Equal infinities and NaN beside NaN are the same value.
                if (!_otherKind && !a[i].Equals(b[i]))
                {
                    (_otherKind, WorstIndex) = (true, _length + i);
                }

                continue;
            }

            _largest = Math.Max(_largest, Math.Abs(y));
            _squares += d * d;
            _squaresOfB += y * y;
            if (d > _difference)
            {
                _difference = d;
                WorstIndex = _otherKind ? WorstIndex : _length + i;
            }
        }

        _length += a.Length;
    }
}

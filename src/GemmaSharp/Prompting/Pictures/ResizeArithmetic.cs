namespace GemmaSharp.Prompting.Pictures;

/// <summary>Whose integer arithmetic a picture is resized with. The filters are the same; a few pixels differ by one level.</summary>
enum ResizeArithmetic
{
    /// <summary>Pillow's: weights of 22 fraction bits.</summary>
    Pillow,

    /// <summary>PyTorch's for 8-bit pictures: weights of 16 bits, as many of them fraction bits as the largest weight leaves. What the reference's processors use.</summary>
    Torch,
}

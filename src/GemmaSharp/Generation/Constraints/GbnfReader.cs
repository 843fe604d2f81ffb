namespace GemmaSharp.Generation.Constraints;

static class GbnfReader
{
    public static Grammar Compile(string gbnf) => throw new NotImplementedException(gbnf);
}

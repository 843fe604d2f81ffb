namespace GemmaSharp.Media;

/// <summary>The code tables of MPEG audio's Layer III.</summary>
/// <remarks>
/// Source: ISO/IEC 11172-3, table B.7. Each table is written as its code words in ascending order, three characters each: the length in bits (1 to 9, then
/// a for 10 and so on) and the two values. As every table is complete, the code words themselves follow from that.
/// </remarks>
internal sealed class MpegHuffman
{
    // Two children a node; a leaf is the complement of its values.
    readonly short[] _nodes;

    MpegHuffman(string leaves)
    {
        _nodes = new short[2 * ((leaves.Length / 3) - 1)];
        int used = 1, at = 0;
        Grow(0, 1);

        void Grow(int node, int depth)
        {
            for (int side = 0; side < 2; side++)
            {
                char length = leaves[at];
                if (depth == (char.IsAsciiDigit(length) ? length - '0' : length - 'a' + 10))
                {
                    _nodes[(2 * node) + side] = (short)~Convert.ToInt32(leaves.Substring(at + 1, 2), 16);
                    at += 3;
                }
                else
                {
                    int child = used++;
                    _nodes[(2 * node) + side] = (short)child;
                    Grow(child, depth + 1);
                }
            }
        }
    }

    /// <summary>The tables that <c>table_select</c> picks from, without their escapes; null where it means that all is zero.</summary>
    public static MpegHuffman? Pairs(int select) => s_pairs[select];

    /// <summary>Bits behind a value of 15.</summary>
    public static int EscapeBits(int select) => select < 16 ? 0 : s_escapeBits[select - 16];

    /// <summary>The tables of four values that are 0 or 1 each.</summary>
    public static MpegHuffman Quads(bool second) => second ? s_quadsB : s_quadsA;

    /// <summary>The next code word's values: the first in the upper four bits for pairs, one bit each for quads.</summary>
    public int Read(ref MpegBits bits)
    {
        int node = 0;
        do
        {
            node = _nodes[(2 * node) + bits.One()];
        }
        while (node >= 0);
        return ~node;
    }

    static readonly byte[] s_escapeBits = [1, 2, 3, 4, 6, 8, 10, 13, 4, 5, 6, 7, 8, 9, 11, 13];

    static readonly MpegHuffman s_quadsA = new("60b60f60d60e60760550950650350a50c402401404408100");

    static readonly MpegHuffman s_quadsB = new("40f40e40d40c40b40a409408407406405404403402401400");

    static readonly MpegHuffman?[] s_pairs = All(
        "311301210100",
        "622602512521520311301310100",
        "622602512521520310211201200",
        "833823732631713703730722612621602620311301310100",
        "733703623632630513531522502412421420301211310300",
        "a55a45a54a53935944925952815851905934850943933824842714741740804823832803713731730722612521602620411301310100",
        "b55b54a45953a35a44925952905815851934943950933824842814741804840823832813831803830622602620412421211301310200",
        "955945835853954905844825852815751734743850804724742733740614641623632513531603630522502412421420311301310300",
        "b77b67b76b57b75b66a47a74a56a65a37a73a46b55b54a63927972a64a07970962a45a35906a53a44817871936926a25a52915951a34a43816861860905950924942933904"
            + "814841840823832803713731730722612621602620411301310100",
        "a77a67a76a75a66a47a74b57b55a56a65937973946a45a54a35a53827872964907771817870836863860944925952905815762826806716761851834850943933824842814"
            + "841804840723732613631703730622521412502520311301310200",
        "a77a67976957975966947974965856837973955827872846864817871907970836863845854844906905726762761816860835853825852715751734743850804724742714"
            + "633641623632740703630513531522412421502520400311301310",
        "jfejfcifdhedgffgefgdfgeegcfgdegbfgfbgcegdchafhe9fecfddgfagcdfbefebf9fff9feafbdfdbf8fff8fccgaeg9ef8eg7fg7eef7edafadfbcfcbff6e6fee8e5fe9ded9"
            + "ef5ee7eacebbe4fef4fcafe6ef3d3fe8ded8d2fdf2e6ee9cd0fec9e5edabe7ded7d4eec8ed6d3edb9e9beaac1fcf1cf0dbade5de4d8cd6dde3ce2d2ed0ec1ece1de0d5ddd5"
            + "d7cdc7d4dd8bdb8dd4d9ada9d6ccc6c3ddd3d7bc2dcd2c1dcb7d5cdc5d99d7acc3da7d97c4bbd1c0dcd0c8aca8c4ccc4c6bcb6b3cb2cbc2b5bcb5c89b1cbc1c98c0cbc0cb4"
            + "c6aca6c79b3bbb3c88c5ab2bca5c69ba4c78c87b94c77c76ab2a1bab1b0bbb0b96b4ab3aba3b59b95a2aaa2a1aaa1b0ab68aa0b86b49a93b39b58b85b67a29a92b57b75a38"
            + "a83b66b47b74b56b65b73919991a09a90a48a84a72b46b64928982918a37a27917971a55a07a70a36a63a45a54a26a62a35881908980916961906960a53a44925952905815"
            + "851934943950924942933814741804840823832713731703730722612621602620411401310100",
        "dffdefdfeddfceedfddcfdfcddededdbfcfbdcedeccddcafcfacbecebccdcdcc9fcf9ceacbdcdbc8fcf8cccc9ece9c7fcf7cadcdacbcc6fdaed0fbcbbf6c8ece8c5fc9dbf5"
            + "b7ebe7bacbcabbbcd9c8db4fbf4b3fbf3bd8be6b2fbf2c6ecf0b1fbf1b9cbc9b5ebabbbabe5b7dbd7b4ebe4b8cbc8b3eb6dbd6be3b9bbb9b2ebaabe2b1ebe1c0ece0b5dbd5"
            + "b7cbc7b4db8bad4bb8b9aba9b6cbc6b3dad3ad2b2db0da1da7bab7ad1b5cbd0ac5a8aaa8a4cac4a6bab6b99b0ca3cac3a7aaa7aa6bc0b0b9c2a2ca5bab5a1ca89a98ac1a4b"
            + "ab4a6aa3ba799b3a97a88a2ba5a9b2aa5a1b9b1ab0a69a96a4aaa4a78a87a3a9a395999592a9a291a9a1a0aaa0968986949994939993a77a09958985929967976992891919"
            + "990948984957975938983966947828882818881974908980956965937973946827872864817855871907970836863845854826862816906960835761853844725752715751"
            + "805850734743724742733641714704623632740703613631630522512521502520311401410300",
        "befbfebdfbfdbcfbfcbbfbfbaafbfab9fbf9bf8a8fa7faf7a6faf68ffa5faf594f9f49f39f0a3fgcehechddfdefe9geagd9eeefedfebebeecdfdcfdbeaeeccfadfdaf7efac"
            + "ecafc9f7de5edbd8f292f90f81f8f1d9eebcecbe8eee8e9dee7ebbe8ded8e6ede6d9ceabebaee5ed7d4eee4e8cdc8d3ed6ded6e9beb9eaade1dd4eb8ea9d7beb7ed0ce3d0e"
            + "de0d5ddd5d7cdc7d4dd8bd9ad6cdc6d3dd5cdc5c0dd8ada8d99d4cdb6d7ac3cd5bd89c1ccc0d98d79be2c2ec1ecd3c2dcd2cd1c3bd97d88b1dcc4c6bcc3ca7b2ccc2cb5cc1"
            + "c0cc4bcb4c6aca6bb3c5aca5b2bbb2b1bbb1c0bcb0c69c96c4aca4c78c87ba3c3ac59b2ac95c68ba1c86c77b94c49c57b67aa2a1ab0aba0b39b93b58b85a29a92b76b09a19"
            + "a91b90b48b84b75b38b83b66b28a82b47b74a18a81a80b08b56a37a73b65b46a27a72b64b55a07917971a70a36a63a45a54a26962916961a06a60953a35a44925952851915"
            + "905934943950924942933814841904940823832713731803830722612621602620411401310100",
        "8ef8fe8df8fd8cf8fc8bf8fb7fa8af89f7f97f888f87f7f776f7f675f7f574f7f473f7f372f7f27f181f8f090fbeebdebedbcebecbddbbebebbcdbdcbaebeabbdbdbbccb9e"
            + "be9badbdabbcbcbb8ebe8b9dbd9b7ebe7bac4ffbcabbbb8dbd8c0ece0b0dae6b6eb9cac9a5eabaae5babb7dad7ae4a8cac8b4eb2ea3ea6dad6ae3a9bab9aaaae2a1eae1a5d"
            + "ad5a7cac7a4da8bab8ad4a9aaa9a6cac6a3dad3a2dad2a1da7bab7ad1a5cac5a8aaa8a99a4cac4a6bab6bd0b0ca3cac3a7aaa7a2cac2a5bab5a1ca89a98ac1a4bbc0b0ba3b"
            + "bb0b0aa1a9b4a6aaa6a79a97ba0b09a909b3988a2ba5a9b2aa5a1bab1a699969a4a4aa7898793a9a395999592a9a29a1968986977949994939993958985929967976992919"
            + "991948984957975938983966928982918947974981a08a80956965917a07a70873937927872846864855871836863845854826862816861906960835853844825852815905"
            + "950751834843724742733714741804840723732613631703730622512521602620411401410400");

    static MpegHuffman?[] All(params string[] tables)
    {
        // Tables 4 and 14 do not exist; from 16 on eight each share one.
        MpegHuffman[] read = [.. tables.Select(leaves => new MpegHuffman(leaves))];
        return
        [
            null, read[0], read[1], read[2], null, .. read[3..12], null, read[12],
            .. Enumerable.Repeat(read[13], 8), .. Enumerable.Repeat(read[14], 8),
        ];
    }
}

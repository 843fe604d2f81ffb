#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Media/GemmaSharp.Media.csproj
#:property PublishAot=false
using GemmaSharp;
using GemmaSharp.Media;

string path = args.Length > 0 ? args[0] : "tests/GemmaSharp.EndToEnd.Tests/Goldens/demo/image-00.png";
using GemmaModel model = GemmaModel.Load("models/gemma-3n-demo");
using GemmaSession session = model.NewSession();
ChatMessage question = ChatMessage.User([new ImagePart(ImageReader.Read(path)), new TextPart("Describe this image.")]);
await foreach (GeneratedToken token in session.GenerateAsync(question, new GenerationOptions { Temperature = 0 }))
{
    Console.Write(token.Text);
}

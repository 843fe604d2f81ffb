#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Server/GemmaSharp.Server.csproj
#:sdk Microsoft.NET.Sdk.Web
#:property PublishAot=false
using GemmaSharp.Server;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddGemmaServer(options => options.Models.Add(new GemmaServerModel("models/gemma-3n-demo")));
WebApplication app = builder.Build();
app.MapGemma();
app.Run();

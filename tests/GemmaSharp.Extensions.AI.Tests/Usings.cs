global using Microsoft.Extensions.AI;
global using AIMessage = Microsoft.Extensions.AI.ChatMessage;

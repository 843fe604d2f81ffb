#!/usr/bin/env bash
# Publishes the gemma program with Native AOT for this machine and runs it once on the demo checkpoint.
#   scripts/publish-aot.sh [FOLDER] [INSTRUCTIONS]     default folder: artifacts/aot
# INSTRUCTIONS: "native" for every instruction of this very machine, which others may not have; without it what the project file names.
# Needs the .NET SDK and a C compiler with zlib (on Debian: apt-get install clang zlib1g-dev).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-artifacts/aot}

rid=$(dotnet --info | sed -nE 's/^ *RID: *//p' | head -n 1)
options=()
command -v clang > /dev/null || options+=(-p:CppCompilerAndLinker=gcc)
[ -z "${2:-}" ] || options+=("-p:IlcInstructionSet=$2")
dotnet publish src/GemmaSharp.Cli --runtime "$rid" --configuration Release --output "$folder" -p:PublishAot=true -p:StripSymbols=true ${options[@]+"${options[@]}"} --verbosity quiet

answer=$("$folder/gemma" run "What is the capital of Peru?" --temperature 0)
echo "$answer"
[ "$answer" = "The capital of Peru is Lima." ] || { echo "The published program answers otherwise than the built one." >&2; exit 1; }
"$folder/gemma" bench --prompt-tokens 0 --answer-tokens 1 --repetitions 1 | head -n 1
du -h "$folder/gemma" | cut -f 1

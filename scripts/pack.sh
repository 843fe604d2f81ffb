#!/usr/bin/env bash
# Packs the libraries and the gemma tool into a folder from which both can be installed.
#   scripts/pack.sh [FOLDER [PLATFORM…]]
# Default folder: artifacts/packages. Default platforms of the tool: all that its project lists; give some, such as linux-x64, to pack it for these alone.
# Then: dotnet tool install --global --add-source FOLDER GemmaSharp.Cli
# The variable HubEndpoint is the address of the hub that is asked where HF_ENDPOINT names none; without it the packages know no hub.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Analyzers have their say in the build; here they would have it once more for each platform.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 RunAnalyzers=false
folder=${1:-artifacts/packages}
[ $# -eq 0 ] || shift
if [ $# -gt 0 ]; then
    ToolPackageRuntimeIdentifiers=$(IFS=';' && echo "$*")
    export ToolPackageRuntimeIdentifiers
fi

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# What a former version left would be offered beside this one.
rm -f "$folder"/GemmaSharp*.nupkg "$folder"/GemmaSharp*.snupkg
rm -rf artifacts/publish/GemmaSharp.Cli/pack*
for library in GemmaSharp GemmaSharp.Hub GemmaSharp.Media GemmaSharp.Extensions.AI GemmaSharp.Server; do
    dotnet pack "src/$library" --configuration Release --output "$folder" --verbosity quiet
done
dotnet pack src/GemmaSharp.Cli --configuration Release --output "$folder" --verbosity quiet
(cd "$folder" && du -h GemmaSharp*.nupkg)

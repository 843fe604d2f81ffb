#!/usr/bin/env bash
# Runs the kernel tests as an Arm machine would, under QEMU: a self-contained linux-arm64 build of tests/GemmaSharp.Numerics.Tests with Debian's Arm libraries.
#   scripts/test-arm.sh                                     kernels, vectors, formats and matrices
#   scripts/test-arm.sh --filter-class '*MatMulTests'       what else the test program takes
# QEMU_CPU chooses the processor: "max" unless given, "cortex-a53" for one without dot products.
# Needs the .NET SDK and QEMU (on Debian: apt-get install qemu-user); the Arm libraries are fetched with apt into artifacts/arm64 and installed nowhere.
# Elsewhere put libc, libstdc++, libgcc_s and libssl for Arm below a folder and name it in ARM_ROOT.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v qemu-aarch64 > /dev/null || { echo "qemu-aarch64 is not there; on Debian: apt-get install qemu-user" >&2; exit 2; }

folder=$PWD/artifacts/arm64
root=${ARM_ROOT:-$folder/root}
if [ ! -e "$root/lib/ld-linux-aarch64.so.1" ]; then
    mkdir -p "$folder/lists/partial" "$folder/packages" "$root"
    arm=(-qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::State::lists=$folder/lists" -o Dir::State::status=/dev/null
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
    apt-get "${arm[@]}" update
    (cd "$folder/packages" && apt-get "${arm[@]}" download libc6 libstdc++6 libgcc-s1 libssl3 zlib1g)
    for package in "$folder"/packages/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
fi

dotnet publish tests/GemmaSharp.Numerics.Tests --configuration Release --runtime linux-arm64 --self-contained true --output "$folder/tests" \
    "-p:ArtifactsPath=$folder/build" -p:RunAnalyzers=false --verbosity quiet

[ $# -gt 0 ] || set -- --filter-namespace 'GemmaSharp.Numerics.Tests.Kernels*' 'GemmaSharp.Numerics.Tests.Vectors' 'GemmaSharp.Numerics.Tests.Formats' \
    'GemmaSharp.Numerics.Tests.Matrices' --filter-not-trait Category=Slow
# .NET writes code through a second mapping, which QEMU does not see change what it has translated: without this, instructions become illegal now and then.
export DOTNET_EnableWriteXorExecute=0
exec qemu-aarch64 -cpu "${QEMU_CPU:-max}" -L "$root" "$folder/tests/GemmaSharp.Numerics.Tests" "$@" --progress off --no-ansi

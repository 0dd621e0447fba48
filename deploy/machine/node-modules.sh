#!/usr/bin/env bash
# Installs what package-lock.json names into node_modules: the tools of `make check`, the services' packages, and Node 26 itself
# (npm package `node`). The machine's own Node, of any version since 18, only runs npm.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

cd "$SIXGATE_ROOT"
node=$(sed -n 's/^ *"node": "\([0-9.]*\)",\{0,1\}$/\1/p' package.json)
step "npm ci, by Node $node" npm exec --yes "--package=node@$node" --package=npm@11 -- npm ci --no-audit --no-fund --loglevel error
version=$(node_modules/.bin/node --version) ||
  fail "node_modules/.bin/node does not run: npm has to run the install script of the package \"node\" (npm config get ignore-scripts must say false)"
touch node_modules/.package-lock.json
say "Node $version for everything that follows"

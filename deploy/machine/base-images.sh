#!/usr/bin/env bash
# Sees to it that the build engine (DOCKER_HOST, or the machine's own) has the base images that the Dockerfiles name.
#
#   base-images.sh        for each missing image: pulls it when the registry answers, else builds a stand-in
#                         DOCKER_DEFAULT_PLATFORM=linux/arm64: for that platform (needs arch-test, qemu-user in binfmt_misc, and an engine of its own:
#                         an engine keeps one platform under one name)
#
# A stand-in has the name that the real image has, and a label; only an image with that label is ever replaced, when its recipe
# changed. Stand-ins are made of Debian packages (apt's mirror) and npm packages (npm's registry), kept in /var/cache/sixgate.
# SIXGATE_OFFLINE=1: do not even try to pull.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

LABEL=sixgate.stand-in
RECIPES=$SIXGATE_ROOT/deploy/images
PLATFORM=${DOCKER_DEFAULT_PLATFORM:-linux/$(docker version --format '{{.Server.Arch}}')} ||
  fail "no Docker engine answers: run engine.sh build-start and set DOCKER_HOST"
ARCH=${PLATFORM#linux/}
SUITE=trixie
NPM_VERSION=11

node_version() {
  sed -n 's/^ *"node": "\([0-9.]*\)",\{0,1\}$/\1/p' "$SIXGATE_ROOT/package.json"
}

short_hash() { sha256sum | cut -c 1-12; }

# The recipe of stand-in NAME as one word: what it is made of and how.
recipe() {
  echo "$1-$( (cat "$RECIPES/$1/Dockerfile" && declare -f make_rootfs unpack_node && node_version) | short_hash)"
}

# exists IMAGE NAME: the engine has it: the real one, or the stand-in that today's recipe makes
exists() {
  local label
  label=$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1" 2>/dev/null) || return 1
  [ -z "$label" ] || [ "$label" = "$(recipe "$2")" ]
}

is_stand_in() { [ -n "$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1" 2>/dev/null)" ]; }

registry_answers() {
  [ "${SIXGATE_OFFLINE:-0}" = 0 ] && timeout 10 docker buildx imagetools inspect "$1" >/dev/null 2>&1
}

# Debian's image leaves out docs and locales and keeps no apt caches: so does this one. That its programs run here, emulation.sh has seen to;
# mmdebstrap would look for an emulator by another name than ours.
make_rootfs() {
  local tar=$1 mirror
  mirror=$("$(dirname "$0")/debian-mirror.sh")
  # shellcheck disable=SC2016 # $1 is the hook's
  mmdebstrap --format=tar --variant=minbase --skip=check/qemu --architectures="$ARCH" --include=ca-certificates,libatomic1 \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' --aptopt='Binary::apt::APT::Keep-Downloaded-Packages "false"' \
    "$SUITE" "$tar.part" ${mirror:+"$mirror"}
  mv "$tar.part" "$tar"
}

context_debian() {
  local tar
  tar=$SIXGATE_CACHE/debian-$SUITE-$ARCH-$(declare -f make_rootfs | short_hash).tar
  [ -e "$tar" ] || step "mmdebstrap: a minimal Debian $SUITE, kept in $SIXGATE_CACHE" make_rootfs "$tar"
  ln "$tar" "$1/rootfs.tar"
}

# fetch_npm PACKAGE@VERSION DIRECTORY: unpacks an npm package
fetch_npm() {
  local file
  mkdir -p "$SIXGATE_CACHE/npm" "$2"
  file=$(cd "$SIXGATE_CACHE/npm" && npm pack --silent "$1")
  tar -xzf "$SIXGATE_CACHE/npm/$file" --strip-components=1 --no-same-owner -C "$2"
}

unpack_node() {
  local root=$1/root/usr/local npm=$1/root/usr/local/lib/node_modules/npm name
  fetch_npm "node-linux-${ARCH/amd64/x64}@$(node_version)" "$1/node"
  fetch_npm "npm@$NPM_VERSION" "$npm"
  install -D "$1/node/bin/node" "$root/bin/node"
  for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$root/bin/$name"; done
  chmod 755 "$npm"/bin/*-cli.js
  rm -r "$1/node"
}

context_node() { step "node $(node_version) and npm $NPM_VERSION from their npm packages" unpack_node "$1"; }

context_nats() { :; }

# stand_in IMAGE NAME
stand_in() {
  local context
  mkdir -p "$SIXGATE_CACHE"
  context=$(mktemp -d "$SIXGATE_CACHE/context.XXXXXX")
  # In a subshell, so that the context goes however this ends.
  (
    trap 'rm -rf "$context"' EXIT
    "context_$2" "$context"
    step "stand-in for $1" docker build --network host --label "$LABEL=$(recipe "$2")" --tag "$1" --file "$RECIPES/$2/Dockerfile" "$context"
  )
}

# ensure IMAGE NAME
ensure() {
  if exists "$1" "$2"; then return; fi
  if is_stand_in "$1" || [ "${offline:=no}" = yes ]; then
    stand_in "$1" "$2"
  elif registry_answers "$1"; then
    step "pull $1" docker pull --quiet "$1"
  else
    offline=yes
    say "no image can be pulled here: building stand-ins from Debian and npm packages"
    stand_in "$1" "$2"
  fi
}

[ -n "$(node_version)" ] || fail "$SIXGATE_ROOT/package.json: no exact version of the devDependency \"node\"; it decides which Node the images get"
ensure debian:trixie-slim debian
ensure node:26-trixie-slim node
ensure nats:2.10-alpine nats
say "base images are there"

#!/usr/bin/env bash
# Builds every image of the stack, the demo and the tests; brings them into the site engine.
#
#   images.sh             base images (pulled, or stand-ins), the services (docker-compose.yml), the simulated hosts (e2e/images/*)
#   images.sh services    base images and services only: what a Pi needs
#   images.sh site-load   copies what differs from the build engine into the running site engine (engine.sh site-start)
#   images.sh sbom FOLDER what each image of the stack is made of, as CycloneDX JSON, and how large it is
#
# PLATFORM=linux/arm64 (or amd64): for that platform (say.sh). Programs of another processor run by emulation (emulation.sh).
#
# Uses engine.sh's build engine and stops it again when it was not running before. What was built is listed in
# /var/lib/sixgate/built, what the site engine got in /var/lib/sixgate/loaded: site-load is a comparison when nothing changed.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

MACHINE=$SIXGATE_ROOT/deploy/machine
BUILT=$SIXGATE_LIB/built      # lines: IMAGE ID-in-the-build-engine
LOADED=$SIXGATE_LIB/loaded    # lines: IMAGE ID-in-the-build-engine ID-in-the-site-engine
SITE_HOST=$("$MACHINE/engine.sh" site-host)
DOCKER=$("$MACHINE/docker-client.sh")
[ "${DOCKER_HOST:-}" != "$SITE_HOST" ] || unset DOCKER_HOST   # images are never built in there

with_build_engine() {
  local was_running host
  was_running=$("$MACHINE/engine.sh" build-host)
  "$MACHINE/engine.sh" build-start
  host=$("$MACHINE/engine.sh" build-host)
  if [ -n "$host" ] && [ -z "$was_running" ]; then
    trap '"$MACHINE/engine.sh" build-stop' EXIT
  fi
  [ -z "$host" ] || export DOCKER_HOST=$host
  "$@"
}

# --profile: services that are not started by themselves have images, too.
service_images() { "$DOCKER" compose --project-directory "$SIXGATE_ROOT" --profile '*' config --images | sort -u; }

e2e_images() {
  local directory
  for directory in "$SIXGATE_ROOT"/e2e/images/*/; do
    [ -e "$directory/Dockerfile" ] && echo "sixgate/e2e-$(basename "$directory")"
  done
  return 0
}

# npm in a build has neither this machine's configuration nor its certificate authorities: hand over what is set.
build_services() {
  SIXGATE_CA=${SIXGATE_CA:-${NODE_EXTRA_CA_CERTS:-$(npm_config cafile)}}
  SIXGATE_CA=${SIXGATE_CA:-/dev/null}
  NPM_CONFIG_REGISTRY=$(npm_config registry)
  SIXGATE_VERSION=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$SIXGATE_ROOT/package.json")
  export SIXGATE_CA NPM_CONFIG_REGISTRY SIXGATE_VERSION
  step "build the services" "$DOCKER" compose --project-directory "$SIXGATE_ROOT" --profile '*' --progress plain build
}

# npm_config KEY: what npm is configured with here; nothing when KEY is not set.
npm_config() {
  npm config list --json 2>/dev/null | sed -n "s/^  \"$1\": \"\(.*\)\",\{0,1\}$/\1/p"
}

build_e2e() {
  local image
  while read -r image; do
    step "build $image" "$DOCKER" build --progress plain --network host --tag "$image" "$SIXGATE_ROOT/e2e/images/${image#sixgate/e2e-}"
  done < <(e2e_images)
}

sbom() {
  local images
  mapfile -t images < <(service_images | grep '^sixgate/')
  DOCKER=$DOCKER "$SIXGATE_ROOT/node_modules/.bin/node" "$SIXGATE_ROOT/deploy/release/sbom.ts" "$1" "${images[@]}"
}

# Prints "IMAGE ID" of each image named on stdin that the engine has.
ids() {
  local image id
  while read -r image; do
    id=$("$DOCKER" "$@" image inspect --format '{{.Id}}' "$image" 2>/dev/null) && echo "$image $id"
  done
  return 0
}

build_all() {
  "$MACHINE/base-images.sh"
  build_services
  [ "$1" = services ] || build_e2e
  mkdir -p "$SIXGATE_LIB"
  { service_images; e2e_images; } | sort -u | ids >"$BUILT"
  # Only the private engine: dangling images of the machine's own may be somebody's.
  [ -z "${DOCKER_HOST:-}" ] || "$DOCKER" image prune -f >/dev/null
}

# Lines of $BUILT that the site engine does not have as they were loaded.
to_load() {
  local image built site
  touch "$LOADED"
  while read -r image built; do
    site=$("$DOCKER" --host "$SITE_HOST" image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
    grep -qxF "$image $built ${site:-none}" "$LOADED" || echo "$image $built"
  done <"$BUILT"
}

transfer() { "$DOCKER" save "$@" | "$DOCKER" --host "$SITE_HOST" load; }

load() {
  local lines=("$@") names
  names=("${lines[@]%% *}")
  say "the site engine lacks: ${names[*]}"
  step "copy ${#names[@]} images into the site engine" transfer "${names[@]}"
}

site_load() {
  local lines
  [ -s "$BUILT" ] || fail "nothing is built yet: run make images"
  mapfile -t lines < <(to_load)
  if [ "${#lines[@]}" = 0 ]; then
    say "the site engine has all images"
    return
  fi
  with_build_engine load "${lines[@]}"
  join <(sort "$BUILT") <(cut -d ' ' -f 1 "$BUILT" | ids --host "$SITE_HOST" | sort) >"$LOADED"
  "$DOCKER" --host "$SITE_HOST" image prune -f >/dev/null
}

need_root "images.sh"
[ -z "${DOCKER_DEFAULT_PLATFORM:-}" ] || [ "${1:-all}" = site-load ] || "$MACHINE/emulation.sh" "${DOCKER_DEFAULT_PLATFORM#linux/}"
case ${1:-all} in
  all | services) with_build_engine build_all "${1:-all}" ;;
  site-load) site_load ;;
  sbom) with_build_engine sbom "$(realpath "${2:?sbom needs the name of a folder}")" ;;
  *) fail "images.sh \"$1\": allowed are services, site-load, sbom FOLDER, or nothing for all" ;;
esac

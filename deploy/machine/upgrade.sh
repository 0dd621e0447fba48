#!/usr/bin/env bash
# Replaces the running services of the site by what is built or pulled now, one after the other, while hosts use it: no packet of a
# flow that stands and no DNS answer is lost. What has not changed is left alone.
#
#   upgrade.sh                  every service whose image or configuration is another one than it was started with
#   upgrade.sh --all            every service, changed or not: a rolling restart
#   upgrade.sh [--all] SERVICE… these alone, in the order below
#
# Of the services that scale, as many new instances are started beside the old ones; only when all are healthy the old ones are stopped,
# and they hand over to the new ones (README, "Scaling and upgrades"). The console comes last: it writes the document for the others,
# which read that of the version before, and while 15 s after its stop a service that is stopped takes away what it made.
# When a new instance does not become healthy, it is removed again and the old one stays.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

# keys before nats, which reads the permissions that keys writes.
ONCE=(keys nats uplink-dns)
SCALING=(dns64 nat64 ra-advertiser nat44-firewall console)

all=no
if [ "${1:-}" = --all ]; then
  all=yes
  shift
fi
wanted=("$@")
for service in "${wanted[@]}"; do
  [[ " ${ONCE[*]} ${SCALING[*]} " == *" $service "* ]] || fail "\"$service\" is no service of the site; there are: ${ONCE[*]} ${SCALING[*]}"
done

cd "$SIXGATE_ROOT"
docker=$("$(dirname "$0")/docker-client.sh")
SIXGATE_RESOLV_DIR=${SIXGATE_RESOLV_DIR:-$("$(dirname "$0")/resolv-dir.sh")}
export SIXGATE_RESOLV_DIR

is_wanted() { [ "${#wanted[@]}" = 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]]; }

# The console depends on all the others that scale: they are named to compose too (without them, it would take the configuration for another one),
# in the numbers that run. Of other services compose refuses to hear that. Sets as_they_are.
keep_others() {
  local other
  as_they_are=()
  [ "$1" = console ] || return 0
  for other in "${SCALING[@]}"; do
    if [ "$other" != console ]; then as_they_are+=(--scale "$other=$("$docker" compose ps --quiet "$other" | wc -l)"); fi
  done
}

# True when container $2 of service $1 was made of what there is now.
is_current() {
  local image ran hash made
  # Some versions of compose list the images of all services.
  image=$("$docker" compose config --images "$1" | grep -E -m 1 "(^|/)$1:")
  image=$("$docker" image inspect --format '{{.Id}}' "$image")
  ran=$("$docker" inspect --format '{{.Image}}' "$2")
  hash=$("$docker" compose config --hash "$1" | cut -d ' ' -f 2)
  made=$("$docker" inspect --format '{{index .Config.Labels "com.docker.compose.config-hash"}}' "$2")
  [ "$image" = "$ran" ] && [ "$hash" = "$made" ]
}

# Whether service $1 is to be replaced; the rest: its containers.
is_due() {
  local service=$1 container
  shift
  [ "$all" = no ] || return 0
  for container in "$@"; do is_current "$service" "$container" || return 0; done
  return 1
}

# Before a service of which there is one: it starts anew. The others go on without it.
replace_once() {
  local service=$1 old
  mapfile -t old < <("$docker" compose ps --all --quiet "$service")
  [ "${#old[@]}" -gt 0 ] || return 0
  if ! is_due "$service" "${old[@]}"; then
    say "$service: is current"
    return
  fi
  if [ "$service" = keys ]; then
    "$docker" compose up --no-build --force-recreate keys >/dev/null 2>&1 || fail "keys: did not end well; docker compose logs keys says why"
    is_due_nats=yes
  else
    "$docker" compose up --detach --no-build --force-recreate --wait "$service" >/dev/null 2>&1 ||
      fail "$service: does not become healthy; docker compose logs $service says why"
  fi
  say "$service: started anew"
}

# New instances beside the old ones, then the old ones end.
replace_beside() {
  local service=$1 old new count container
  mapfile -t old < <("$docker" compose ps --quiet "$service")
  count=${#old[@]}
  [ "$count" -gt 0 ] || return 0
  if ! is_due "$service" "${old[@]}"; then
    say "$service: is current"
    return
  fi
  keep_others "$service"
  if ! "$docker" compose up --detach --no-build --no-recreate --wait "${as_they_are[@]}" --scale "$service=$((2 * count))" "$service" >/dev/null 2>&1; then
    mapfile -t new < <("$docker" compose ps --all --quiet "$service" | grep -vxF -f <(printf '%s\n' "${old[@]}"))
    for container in "${new[@]}"; do
      "$docker" logs --tail 5 "$container" >&2 || true
      "$docker" rm --force "$container" >/dev/null
    done
    fail "$service: what is new does not become healthy, and is removed again; the old one goes on. Its last words are above"
  fi
  for container in "${old[@]}"; do
    "$docker" stop "$container" >/dev/null
    "$docker" rm "$container" >/dev/null
  done
  say "$service: $count new instance$([ "$count" = 1 ] || echo s) in place of the old"
}

is_due_nats=no
for service in "${ONCE[@]}"; do
  is_wanted "$service" || continue
  # New permissions are read when nats starts.
  if [ "$service" = nats ] && [ "$is_due_nats" = yes ]; then all=yes replace_once nats; else replace_once "$service"; fi
done
for service in "${SCALING[@]}"; do
  if is_wanted "$service"; then replace_beside "$service"; fi
done

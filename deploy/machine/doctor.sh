#!/usr/bin/env bash
# Looks at this machine, and at the site when it runs: what is wrong, and how to mend it. Changes nothing; exits 1 when something
# has to be mended. `make doctor`.
#
#   doctor.sh [--json]    a running site answers itself (sixgate doctor). Otherwise the image of nat44-firewall looks at the machine,
#                         and check-host.sh at what cannot be seen from there; before it is built, check-host.sh at what it can
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

docker=$("$(dirname "$0")/docker-client.sh")
compose=("$docker" compose --project-directory "$SIXGATE_ROOT")

if [ -n "$("${compose[@]}" ps --quiet --status running console 2>/dev/null)" ]; then
  exec "${compose[@]}" exec -T console sixgate doctor "$@"
fi
status=0
# Each point is judged in one place: by the doctor in the image once there is one, and what it cannot see from there by check-host.sh.
# With --json the standard output belongs to programs.
if "$docker" image inspect "sixgate/nat44-firewall:${SIXGATE_TAG:-latest}" >/dev/null 2>&1; then
  "$(dirname "$0")/check-host.sh" --engine >&2 || status=1
  "${compose[@]}" run --rm --no-deps -T nat44-firewall node services/nat44-firewall/src/doctor.ts "$@" || status=1
else
  "$(dirname "$0")/check-host.sh" >&2 || status=1
  say "the images are not built yet, so that this is all that can be seen: make images, or make up" >&2
fi
exit "$status"

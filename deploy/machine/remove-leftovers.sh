#!/usr/bin/env bash
# Removes what services left on this host that were killed, or stopped while the console was not running: what `make down`
# does after `docker compose down`. Each service removes its own, from what its state volume says; nothing happens when all
# is gone already.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

cd "$SIXGATE_ROOT"
docker=$("$(dirname "$0")/docker-client.sh")
for service in ra-advertiser dns64 nat64 nat44-firewall; do
  # A site that never ran has no image to remove with, and nothing to remove.
  image=sixgate/$service:${SIXGATE_TAG:-latest}
  "$docker" image inspect "$image" >/dev/null 2>&1 || continue
  "$docker" compose run --rm --no-deps -T -e LOG_LEVEL=error "$service" node "services/$service/src/main.ts" --remove ||
    fail "$service: something it made is still there; see above"
done
say "nothing of sixgate is left on this host"

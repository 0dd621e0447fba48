#!/usr/bin/env bash
# Prints the path of the docker client to use: the first one on the PATH that knows `compose` v2 and `buildx`.
# Exits 1 when there is none. Needed because a machine may carry an old client without plugins beside Debian's.
set -euo pipefail
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
while read -r docker; do
  case $("$docker" compose version --short 2>/dev/null || true) in
    v[2-9]* | [2-9]*) "$docker" buildx version >/dev/null 2>&1 && echo "$docker" && exit 0 ;;
  esac
done < <(type -aP docker)
echo "no docker client with compose v2 and buildx: run deploy/machine/packages.sh (on a Pi: see README, Install)" >&2
exit 1

#!/usr/bin/env bash
# Prints the directory that docker-compose.yml takes as SIXGATE_RESOLV_DIR: where the resolv.conf of this machine's uplink really is.
# SIXGATE_RESOLV_DIR, when it is set, stands.
set -euo pipefail

if [ -n "${SIXGATE_RESOLV_DIR:-}" ]; then
  printf '%s\n' "$SIXGATE_RESOLV_DIR"
  exit
fi
# /etc/resolv.conf is often a link: into /run/systemd/resolve (the file beside systemd-resolved's stub names the uplink's own servers),
# /run/NetworkManager or /run/resolvconf. A container sees the directory, not where its links lead.
real=$(readlink -f /etc/resolv.conf || true)
if [ -n "$real" ] && [ -e "${real%/*}/resolv.conf" ]; then printf '%s\n' "${real%/*}"; else echo /etc; fi

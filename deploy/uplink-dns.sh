#!/bin/sh
# Keeps OUT/resolv.conf to the `nameserver` lines of IN/resolv.conf, looked at every two seconds: where files are replaced
# by others, and IN is a mount, nothing else tells.
#
#   uplink-dns.sh IN OUT
#
# Runs as the container uplink-dns, which sees the host's directory, so that dns64 (which the network can talk to) need not.
set -eu
in=${1:?the directory with the host\'s resolv.conf is missing}
out=${2:?the directory to write to is missing}

copied=none
while :; do
  lines=$(sed -n 's/^[[:space:]]*\(nameserver[[:space:]].*\)$/\1/p' "$in/resolv.conf" 2>/dev/null) || lines=
  if [ "$lines" != "$copied" ]; then
    printf '%s\n' "$lines" >"$out/resolv.conf.new"
    mv -f "$out/resolv.conf.new" "$out/resolv.conf"
    copied=$lines
    echo "name servers of the uplink: $(echo "$lines" | sed 's/^nameserver[[:space:]]*//' | tr '\n' ' ')"
  fi
  sleep 2
done

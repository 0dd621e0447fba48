# shellcheck shell=bash
# Sourced: what can be read of a site document before there is a Node (check-host.sh). The console reads it properly.

# site_value FILE BLOCK KEY: the plain value of KEY in the top-level BLOCK; nothing when it is not there.
site_value() {
  awk -v block="$2:" -v key="$3:" '
    /^[^ #]/ { inside = ($1 == block) }
    inside && $1 == key { gsub(/["'\'']/, "", $2); if ($2 !~ /^#/) print $2; exit }' "$1"
}

# site_opens_tcp FILE PORT: true when firewall.inbound has TCP port PORT, in flow or block style, whatever the order of the two keys.
site_opens_tcp() {
  sed 's/#.*//' "$1" | awk '/^[^ ]/ { inside = /^firewall:/ } inside' | tr -d '\n"'"'" | sed 's/  *- */}{/g; s/[{,]/ /g' |
    tr '}' '\n' | grep 'protocol: *tcp' | grep -Eq "port: *$2( |\$|])"
}

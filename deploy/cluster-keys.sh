#!/usr/bin/env bash
# Certificates for the NATS servers of a site with two gateways (compose.two.yml): an authority of the site's own, and one
# certificate for each server, valid for its address.
#
#   cluster-keys.sh FOLDER NAME=ADDRESS…    e.g. cluster-keys.sh /root/sixgate-cluster a=192.168.1.11 b=192.168.1.12 c=192.168.1.13
#
# FOLDER/NAME becomes deploy/cluster on the machine of that name. FOLDER/ca.key makes further servers later (the same call with their
# names): keep it off the gateways. What is there already is kept. ADDRESS: IPv4 or IPv6 address, or a host name.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/machine/say.sh"

DAYS=36500   # a certificate that runs out would end the cluster; who must go gets a new authority

umask 077

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

make_authority() {
  [ ! -e "$folder/ca.key" ] || return 0
  new_key "$folder/ca.key"
  openssl req -new -x509 -key "$folder/ca.key" -days "$DAYS" -subj '/CN=sixgate cluster' -out "$folder/ca.pem"
}

# make_server NAME ADDRESS
make_server() {
  local own=$folder/$1 kind=DNS
  if [ -e "$own/server.key" ]; then
    say "$own is there already"
    return
  fi
  [[ ! $2 =~ ^[0-9.]+$|: ]] || kind=IP
  mkdir -p "$own"
  new_key "$own/server.key"
  openssl req -new -key "$own/server.key" -subj "/CN=$1" -out "$own/server.csr"
  openssl x509 -req -in "$own/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial -days "$DAYS" \
    -extfile <(printf 'subjectAltName=%s:%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$kind" "$2") -out "$own/server.pem" 2>/dev/null
  rm "$own/server.csr"
  cp "$folder/ca.pem" "$own/ca.pem"
  say "$own: for $2"
}

folder=${1:-}
[ $# -ge 2 ] || fail 'cluster-keys.sh FOLDER NAME=ADDRESS…, e.g. cluster-keys.sh /root/sixgate-cluster a=192.168.1.11 b=192.168.1.12 c=192.168.1.13'
have openssl || fail 'openssl is not installed: sudo apt-get install openssl'
shift
for pair in "$@"; do
  [[ $pair =~ ^[a-z0-9]{1,15}=[0-9A-Za-z.:-]+$ ]] || fail "$pair: must be NAME=ADDRESS, NAME of 1 to 15 lower-case letters and digits"
done
mkdir -p "$folder"
make_authority
for pair in "$@"; do make_server "${pair%%=*}" "${pair#*=}"; done

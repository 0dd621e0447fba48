# shellcheck shell=bash
# Sourced by first-boot.sh: the site document that ships, with the answers in it and all comments kept.

# write_site FILE LAN VLAN|none WAN PREFIX SSH(yes|no): prints it. Only lines of FILE that are as they ship are touched.
write_site() {
  awk -v lan="$2" -v vlan="$3" -v wan="$4" -v prefix="$5" -v ssh="$6" '
    # The value of the key in this line, its comment and the column of that stay.
    function set(key, value,   head, rest, comment, column) {
      head = substr($0, 1, index($0, key ":") + length(key) + 1) value
      rest = $0; comment = ""
      if (match(rest, /#.*/)) { column = RSTART; comment = substr(rest, RSTART) }
      if (comment == "") { print head; return }
      while (length(head) < column - 1) head = head " "
      sub(/ +$/, "", head); while (length(head) < column - 1) head = head " "
      print (length(head) >= column ? head " " : head) comment
    }
    /^[^ #]/ { block = $1 }
    block == "lan:" && /^  interface:/ { set("interface", lan); next }
    block == "lan:" && /^  (# )?vlan:/ { if (vlan == "none") { sub(/^  (# )?/, "  # ") ; print } else { sub(/^  # /, "  "); set("vlan", vlan) } next }
    block == "lan:" && /^  prefix:/ { set("prefix", prefix ~ /:/ ? "\"" prefix "\"" : prefix); next }
    block == "wan:" && /^  interface:/ { set("interface", wan); next }
    block == "firewall:" && /^  inbound: *\[\]/ && ssh == "yes" { set("inbound", "[{ protocol: tcp, port: 22 }]"); next }
    { print }' "$1"
}

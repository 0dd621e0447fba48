#!/usr/bin/env bash
# Prints the Debian mirror that this machine's apt uses (its URI), or nothing when apt has no source of Debian's own.
# The only place that knows where packages come from: what apt is configured with.
set -euo pipefail
# shellcheck disable=SC2016 # the $(…) is apt's own format
apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 'Component: main' 2>/dev/null |
  head -n 1 | sed 's,/$,,'

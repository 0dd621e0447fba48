#!/bin/sh
# Docker's HEALTHCHECK: status 0 when HEALTH_FILE (health.ts writes it every 2 s) says ok and is fresh; prints why not.
# A shell and not Node, because it runs again and again, five times on a small machine: a start of Node is half a second of a Pi's processor.
set -eu

# A report older than this means that the service hangs.
max_age_s=10

unhealthy() { printf '%s\n' "$1"; exit 1; }

[ -n "${HEALTH_FILE:-}" ] || unhealthy 'HEALTH_FILE is not set: it names the file that the service writes its health to'
report=''
{ IFS= read -r report <"$HEALTH_FILE"; } 2>/dev/null || [ -e "$HEALTH_FILE" ] ||
  unhealthy "$HEALTH_FILE: is not there; the service has not started yet"

# One line of JSON, as JSON.stringify writes it: {"state":"ok","atMs":1800000000000,"problems":[]}
case $report in
  '{"state":"'*'","atMs":'[0-9]*',"problems":['*']}') ;;
  *) unhealthy "no health report: $report" ;;
esac
state=${report#'{"state":"'}
state=${state%%'"'*}
at_ms=${report#*'","atMs":'}
at_ms=${at_ms%%,*}
case $at_ms in *[!0-9]* | ????????????????*) unhealthy "no health report: $report" ;; esac

age_s=$(($(date +%s) - at_ms / 1000))
[ "$age_s" -le "$max_age_s" ] ||
  unhealthy "last report is $age_s s old, allowed are $max_age_s s: the service hangs"
[ "$state" = ok ] || unhealthy "$report"
echo ok

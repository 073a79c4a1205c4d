#!/bin/sh
# Stop the server that up.sh started in $RUN: down.sh 16|22 [--at-end-of-input] (environment: see lib.sh)
# With the option it waits until its standard input is closed, then kills. A test that holds the other end of
# that pipe needs no clean end: however it dies, the kernel closes the pipe and the server is gone.
set -eu
# shellcheck source=tests/asterisk/lib.sh
. "$(dirname -- "$0")/lib.sh"

signal=TERM
if [ "${1:-}" = --at-end-of-input ]; then
  trap '' HUP INT TERM # an interrupt from the terminal is for the test; this outlives it
  cat >/dev/null
  signal=KILL # an orderly stop takes Asterisk a second, and nobody is left to see it
fi

if pid=$(server_pid); then
  kill -s "$signal" "$pid"
  kill -s CONT "$pid" 2>/dev/null || true # a suspended process gets the other signal only once it runs again
  polls=0
  while server_pid >/dev/null; do
    polls=$((polls + 1))
    [ "$polls" -ne 200 ] || kill -s KILL "$pid" 2>/dev/null || true
    sleep 0.05
  done
fi
rm -f "$PID_FILE"

#!/bin/sh
# What the console of a running server prints for a command: cli.sh 16|22 COMMAND (environment: see lib.sh)
set -eu
# shellcheck source=tests/asterisk/lib.sh
. "$(dirname -- "$0")/lib.sh"
cli "$*"

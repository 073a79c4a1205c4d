#!/bin/sh
# Start an Asterisk that install.sh unpacked and return once it is fully booted: up.sh 16|22
# (environment: see lib.sh). Exit code 5: one of the ports is taken; choose others and try again.
# Configuration files that already lie in $RUN/etc and match an include of ours (sip_*.conf, pjsip_*.conf, modules_*.conf) are read too.
set -eu
# shellcheck source=tests/asterisk/lib.sh
. "$(dirname -- "$0")/lib.sh"

if pid=$(server_pid); then
  echo "already up: Asterisk $VERSION, process $pid" >&2
  exit 1
fi
socket=$RUN/run/asterisk.ctl
# A Unix socket's path has 108 bytes with its NUL; Asterisk cuts a longer one and its console never finds it.
[ ${#socket} -lt 108 ] || { echo "RUN is too long for the control socket $socket: choose a shorter folder" >&2; exit 2; }

# taken PROTOCOL PORT: whether somebody holds that port, by the kernel's own table. A test would otherwise talk to
# that somebody: Asterisk boots without the port, and chan_sip even shares a UDP port without a word.
taken() { grep -qE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$2") [0-9A-F]+:0000 " "/proc/net/$1" "/proc/net/${1}6" 2>/dev/null; }
for port in "tcp $AMI" "tcp $HTTP" "udp $SIP" "udp $IAX"; do
  # shellcheck disable=SC2086 # two words: protocol and number
  if taken $port; then
    echo "Asterisk $VERSION: $port is taken" >&2
    exit 5
  fi
done

mkdir -p "$RUN/etc" "$RUN/lib/keys" "$RUN/cache" "$RUN/spool" "$RUN/run" "$RUN/log"
for file in "$HERE"/common/*.conf "$HERE/$VERSION"/*.conf; do
  sed -e "s#@RUN@#$RUN#g; s#@ROOT@#$ROOT#g; s#@MODULES@#$MODULES#g; s#@VERSION@#$VERSION#g; s#@TECH@#$TECH#g" \
    -e "s#@AMI@#$AMI#g; s#@SIP@#$SIP#g; s#@IAX@#$IAX#g; s#@TRUNK@#$TRUNK#g; s#@HTTP@#$HTTP#g" "$file" >"$RUN/etc/${file##*/}"
done
[ -e "$RUN/lib/realtime.sqlite3" ] ||
  in_root /usr/bin/sqlite3 "$RUN/lib/realtime.sqlite3" <"$HERE/common/realtime.sql"
rm -f "$socket" "$RUN/log/full"

setsid "$LOADER" --library-path "${LOADER%/*}:$ROOT/usr/lib" "$ROOT/usr/sbin/asterisk" \
  -f -C "$RUN/etc/asterisk.conf" </dev/null >"$RUN/log/stdout" 2>&1 &
pid=$!
echo "$pid" >"$PID_FILE"

polls=0
until [ "$(cli 'core waitfullybooted' 2>/dev/null)" = 'Asterisk has fully booted.' ]; do
  if ! kill -0 "$pid" 2>/dev/null; then
    echo "Asterisk $VERSION ended while booting:" >&2
    tail -n 20 "$RUN/log/stdout" "$RUN/log/full" >&2
    exit 1
  fi
  polls=$((polls + 1))
  if [ "$polls" -gt 600 ]; then
    echo "Asterisk $VERSION has not booted after $polls attempts to ask it" >&2
    "$HERE/down.sh" "$VERSION" >&2
    exit 1
  fi
  sleep 0.05
done

# Somebody may have been faster since then.
if grep -hE 'Unable to bind|Address already in use' "$RUN/log/full" "$RUN/log/stdout" >&2; then
  echo "Asterisk $VERSION: a port is taken" >&2
  "$HERE/down.sh" "$VERSION" >&2
  exit 5
fi
echo "up: Asterisk $VERSION, process $pid, AMI 127.0.0.1:$AMI, SIP 127.0.0.1:$SIP"

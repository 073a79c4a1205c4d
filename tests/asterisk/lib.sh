# shellcheck shell=sh disable=SC2034  # its readers use the names it sets
# Where things are and how a program of the unpacked tree is run: read by up.sh, down.sh and cli.sh, whose
# first argument is the Asterisk version. What differs between two servers comes from the environment:
#   ASTFS_ASTERISK_DIR    the folder that install.sh unpacked into
#   RUN                   this server's own folder; short, because the control socket lies in it
#   AMI, SIP, IAX, HTTP   its ports on 127.0.0.1; ARI is served over HTTP
#   TRUNK                 the port where it looks for its SIP provider (the peer `mtrf`); usually nobody is there

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
VERSION=${1:-}
case $VERSION in
  16) TECH=SIP PORTS=2616 ;;
  22) TECH=PJSIP PORTS=2622 ;;
  *) echo "usage: $0 16|22 ..." >&2; exit 2 ;;
esac
shift
AMI=${AMI:-${PORTS}0} SIP=${SIP:-${PORTS}1} IAX=${IAX:-${PORTS}2} TRUNK=${TRUNK:-${PORTS}3} HTTP=${HTTP:-${PORTS}4}
RUN=${RUN:-/tmp/astfs-asterisk-$VERSION}

ROOT=${ASTFS_ASTERISK_DIR:-$HERE/../../target/asterisk}/$VERSION/root
[ -e "$ROOT/.recipe" ] || { echo "no Asterisk $VERSION in $ROOT: run install.sh $VERSION first" >&2; exit 2; }
ROOT=$(CDPATH='' cd -- "$ROOT" && pwd)
LOADER=$(find "$ROOT"/usr/lib -name 'ld-linux*.so.*' | head -n 1)
MODULES=$(find "$ROOT"/usr/lib -type d -path '*/asterisk/modules' | head -n 1)
PID_FILE=$RUN/asterisk.pid

# in_root PROGRAM ARGUMENT...: run a program of the unpacked tree with that tree's own loader and libraries
in_root() {
  program=$1
  shift
  "$LOADER" --library-path "${LOADER%/*}:$ROOT/usr/lib" "$ROOT$program" "$@"
}

# cli COMMAND: what the console of the running server prints for it
cli() { in_root /usr/sbin/asterisk -C "$RUN/etc/asterisk.conf" -rx "$1"; }

# server_pid: the running server's process id, or failure. The number in the file alone proves nothing,
# since the system reuses numbers: the process must have been started with this folder's configuration. A process
# that has ended but that nobody has reaped yet has no command line any more, and does not count.
server_pid() {
  pid=$(cat "$PID_FILE" 2>/dev/null) || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -e "$RUN/etc/asterisk.conf" && echo "$pid"
}

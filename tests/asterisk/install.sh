#!/bin/sh
# Unpack a real Asterisk, with the libraries it needs, into BASE/16/root or BASE/22/root:
#   install.sh 16|22 [BASE]           BASE: target/asterisk of this project
# Nothing outside BASE changes and root is not needed: apt works on a state of its own, no package is configured,
# and the programs run through the loader of the unpacked tree. Bookworm and trixie have no Asterisk, so the
# packages come from other suites of the mirror that this machine's apt uses.
#   DEBIAN_MIRROR, ASTERISK22_SUITE   another mirror; another suite that has Asterisk 22
# Exit code 3: this Asterisk cannot be had here (no mirror, suite gone); standard error says why.
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
VERSION=${1:-}
case $VERSION in
  16) SUITE=bullseye ;;
  22) SUITE=${ASTERISK22_SUITE:-sid} ;;
  *) echo "usage: $0 16|22 [BASE]" >&2; exit 2 ;;
esac
BASE=${2:-$HERE/../../target/asterisk}
PACKAGES="asterisk sqlite3"
RECIPE=1 # raise it when what is unpacked changes, so that trees unpacked before are replaced

unobtainable() {
  echo "Asterisk $VERSION cannot be installed: $*" >&2
  exit 3
}

mkdir -p "$BASE/$VERSION"
DIR=$(CDPATH='' cd -- "$BASE/$VERSION" && pwd)
ROOT=$DIR/root
exec 9>"$DIR/lock"
flock 9 # of two test runs at once the second finds the first one's tree

ARCH=$(dpkg --print-architecture)
WANTED="$RECIPE $SUITE $ARCH $PACKAGES"
if [ -e "$ROOT/.recipe" ] && [ "$(head -n 1 "$ROOT/.recipe")" = "$WANTED" ]; then
  exit 0
fi

CODENAME=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
MIRROR=${DEBIAN_MIRROR:-$(apt-get --print-uris update 2>/dev/null </dev/null |
  sed -n "s#^'\(.*\)/dists/$CODENAME/[^/']*Release'.*#\1#p" | head -n 1)}
[ -n "$MIRROR" ] || unobtainable "this machine's apt names no Debian mirror; set DEBIAN_MIRROR"
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$KEYRING" ] || unobtainable "package debian-archive-keyring, which verifies what is downloaded, is not installed"

# The packages' modules link libraries for SNMP, LDAP, databases, sound cards and so on, none of which the modules
# in modules.conf need. A made-up installed package provides them, so that apt leaves them out: less than half of
# the download remains. The names of both suites stand here together; one that a suite lacks does no harm.
LEFT_OUT="adduser asterisk-core-sounds-en debconf libasound2 libasound2t64 libcodec2-1.2 libcurl4 libcurl4t64
  libglib2.0-0 libglib2.0-0t64 libgmime-3.0-0 libgmime-3.0-0t64 libical3 libical3t64 libiksemel3 libjack-jackd2-0
  libjwt2 libldap-2.4-2 libldap2 liblua5.1-0 libneon27-gnutls libneon27t64 libodbc1 libodbc2 libogg0
  libopencore-amrnb0 libopencore-amrwb0 libopus0 libopusenc0 libopusfile0 libportaudio2 libpq5 libradcli4
  libsnmp40 libsnmp45 libspandsp2 libspandsp2t64 libspeex1 libspeexdsp1 libsybdb5 libunbound8
  libvo-amrwbenc0 libvorbis0a libvorbisenc2 libvorbisfile3 lsb-base perl-base"
APT=$DIR/apt
rm -rf "$APT"
mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial" "$APT/empty.d" "$APT/log"
: >"$APT/empty"
# shellcheck disable=SC2086 # one argument per name
provides=$(printf '%s (= 999:999), ' $LEFT_OUT)
cat >"$APT/status" <<STATUS
Package: left-out
Status: install ok installed
Version: 1
Architecture: $ARCH
Maintainer: nobody <nobody@localhost>
Provides: ${provides%, }
Description: stands for libraries that no module of the tests loads

STATUS
echo "deb [arch=$ARCH signed-by=$KEYRING] $MIRROR $SUITE main" >"$APT/sources.list"

# The machine's apt keeps its settings for proxies and the like; everything that says what is installed, from where
# and with which hooks is replaced. A suite that is no longer supported has an expired Release file.
private_apt() {
  apt-get -qq -y \
    -o Dir::State="$APT" -o Dir::State::lists="$APT/lists" -o Dir::State::status="$APT/status" \
    -o Dir::State::extended_states="$APT/extended_states" \
    -o Dir::Cache="$APT/cache" -o Dir::Cache::archives="$APT/cache/archives" -o Dir::Log="$APT/log" \
    -o Dir::Etc::sourcelist="$APT/sources.list" -o Dir::Etc::sourceparts="$APT/empty.d" \
    -o Dir::Etc::preferences="$APT/empty" -o Dir::Etc::preferencesparts="$APT/empty.d" \
    -o APT::Default-Release= -o APT::Architecture="$ARCH" -o APT::Architectures::="$ARCH" \
    -o APT::Install-Recommends=false -o APT::Install-Suggests=false \
    -o APT::Update::Post-Invoke::= -o DPkg::Post-Invoke::= -o APT::Sandbox::User=root \
    -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled=false \
    -o Acquire::Retries=3 -o Acquire::http::Timeout=60 "$@" </dev/null
}
private_apt update || unobtainable "the mirror is out of reach or does not offer Debian $SUITE"
# shellcheck disable=SC2086 # one argument per package
private_apt install --download-only $PACKAGES || unobtainable "the mirror's Debian $SUITE is out of reach or has no $PACKAGES"

# Debian's merged /usr, which dpkg would have found on a real system
rm -rf "$ROOT.new"
for directory in bin sbin lib lib64; do
  mkdir -p "$ROOT.new/usr/$directory"
  ln -s "usr/$directory" "$ROOT.new/$directory"
done
for package in "$APT"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$ROOT.new" --keep-directory-symlink --no-same-owner -f - \
    --exclude='./usr/include' --exclude='./usr/lib/*/gconv' --exclude='./usr/lib/*/perl*' \
    --exclude='./usr/share/doc' --exclude='./usr/share/icu' --exclude='./usr/share/locale' \
    --exclude='./usr/share/man' --exclude='./usr/share/perl*' --exclude='./usr/share/snmp' \
    --exclude='./usr/share/sounds' --exclude='./usr/share/zoneinfo' --exclude='./var/lib/snmp'
done

# Only what runs and is the right version counts as installed, and it appears under its name all at once.
loader=$(find "$ROOT.new/usr/lib" -name 'ld-linux*.so.*' | head -n 1)
answer=$("$loader" --library-path "${loader%/*}:$ROOT.new/usr/lib" "$ROOT.new/usr/sbin/asterisk" -V)
case $answer in
  "Asterisk $VERSION."*) ;;
  *) unobtainable "Debian $SUITE has $answer by now" ;;
esac
{
  echo "$WANTED"
  echo "$answer"
  (cd "$APT/cache/archives" && sha256sum ./*.deb)
} >"$ROOT.new/.recipe"
rm -rf "$ROOT"
mv "$ROOT.new" "$ROOT"
rm -rf "$APT"
echo "installed: $answer"

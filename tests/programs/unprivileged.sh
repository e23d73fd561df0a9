# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# Nothing needs root: the main job as an ordinary user.
. "$(dirname "$0")/common.sh"
need python3 curl openssl
user=()
if [ "$(id -u)" = 0 ]; then
  need setpriv
  user=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs)
fi
make_file "$work/file" 300000
chmod 644 "$work/file"
cp "$SOCKEYE" "$work/sockeye"
mkdir -m 777 "$work/out"
cd "$work" || exit 1
env -u XDG_RUNTIME_DIR TMPDIR="$work/out" "${user[@]}" "$work/sockeye" pair --net delay=2ms,loss=1%,seed=3 --pcap out/x.pcapng -- \
  python3 -m http.server 8080 -- curl -sS -o out/got http://server:8080/file >pair.log 2>&1 || fail "as a user"
same file out/got
[ -s out/x.pcapng ] || fail "no capture"
env -u XDG_RUNTIME_DIR TMPDIR="$work/out" "${user[@]}" "$work/sockeye" run --world mine -- true >run.log 2>&1 || fail "named world"

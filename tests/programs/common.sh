# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# What every script of this folder needs. $SOCKEYE is the program under test. Nothing here sleeps for a
# fixed time: it looks again until something is so, and gives up after a while.
set -u
PATH=$PATH:/usr/sbin:/sbin
: "${SOCKEYE:?is to be the path of the sockeye program}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
chmod 755 "$work"  # servers that give up root read from it
export XDG_RUNTIME_DIR=$work/run  # worlds of this script only
mkdir -m 700 "$XDG_RUNTIME_DIR"
world=w$$
agents=()

cleanup() {
  local status=$?
  for agent in "${agents[@]}"; do kill -TERM "$agent" 2>/dev/null; done
  [ -S "$XDG_RUNTIME_DIR/sockeye/$world.sock" ] && "$SOCKEYE" down --world "$world" 2>/dev/null
  for agent in "${agents[@]}"; do
    until_true 50 gone "$agent" || kill -KILL "$agent" 2>/dev/null
  done
  wait
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

fail() {
  echo "FAILED: $*" >&2
  for log in "$work"/*.log; do [ -s "$log" ] && tail -n 20 "$log" | sed "s|^|${log##*/}: |" >&2; done
  exit 1
}

need() {
  for program; do
    command -v "$program" >/dev/null || { echo "SKIPPED: $program is not installed"; exit 77; }
  done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# until_true TENTHS COMMAND…: true as soon as COMMAND is, false when it still is not after that long.
until_true() {
  local tries=$(($1 * 5))
  shift
  while ! "$@"; do
    [ $((tries--)) -gt 0 ] || return 1
    sleep 0.02
  done
}

# start HOST COMMAND…: on this script's world, in the background; $agent is its pid.
start() {
  local host=$1
  shift
  "$SOCKEYE" run --world "$world" --host "$host" ${net:+--net "$net"} -- "$@" >"$work/$host.log" 2>&1 </dev/null &
  agent=$!
  agents+=("$agent")
}

# on HOST COMMAND…: the same, waited for.
on() {
  local host=$1
  shift
  "$SOCKEYE" run --world "$world" --host "$host" -- "$@"
}

listens() { "$SOCKEYE" ss -Hltn --world "$world" --host "$1" 2>/dev/null | grep -q ":$2 "; }
await_listen() { until_true 200 listens "$1" "$2" || fail "$1 does not listen on $2"; }

# A file of BYTES pseudo-random bytes that are the same every time.
make_file() {
  openssl enc -aes-128-ctr -K 000102030405060708090a0b0c0d0e0f -iv 00000000000000000000000000000000 \
    -in /dev/zero 2>/dev/null | head -c "$2" >"$1"
}

same() { cmp "$1" "$2" || fail "$2 is not what was sent"; }

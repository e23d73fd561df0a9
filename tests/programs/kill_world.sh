# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# The world itself is killed in mid-transfer: both programs get errors at once, nobody hangs.
. "$(dirname "$0")/common.sh"
need python3 curl
head -c 100000000 /dev/zero >"$work/file"
cd "$work" || exit 1
net=rate=50mbit
start server python3 -m http.server 8080
await_listen server 8080
server=$agent
start client curl -sS -o got http://server:8080/file
client=$agent
until_true 100 test -s got || fail "nothing arrived"
# The world has its starter's command line and is neither of the two agents nor their child.
for pid in $(pgrep -x sockeye-world); do
  grep -qz -- "$world" "/proc/$pid/cmdline" && the_world=$pid
done
kill -KILL "${the_world:?no world process}" || fail "kill"
until_true 50 gone "$client" || fail "the client hangs"
wait "$client"
case $? in
  18 | 56) ;;
  *) fail "curl did not see the reset: $(cat client.log)" ;;
esac
# The server's accept fails from now on; http.server gives up or is told to.
kill -TERM "$server"
until_true 50 gone "$server" || fail "the server hangs"

# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# The server is killed in mid-transfer: the client hears of it at once and ends.
. "$(dirname "$0")/common.sh"
need python3 curl
head -c 100000000 /dev/zero >"$work/file"
cd "$work" || exit 1
net=rate=50mbit
start server python3 -m http.server 8080
await_listen server 8080
on client curl -sS -o got http://server:8080/file 2>curl.log &
client=$!
until_true 100 test -s got || fail "nothing arrived"
pkill -KILL -P "$agent" || fail "no server process"
wait $client
status=$?
case $status in
  18 | 56) ;; # partial file, or a reset while receiving
  *) fail "curl ended with $status" ;;
esac
until_true 50 gone "$agent" || fail "the server's agent did not end"

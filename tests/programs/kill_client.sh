# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# The client is killed in mid-transfer: the server lives on and serves the next one.
. "$(dirname "$0")/common.sh"
need nginx curl openssl
mkdir "$work/www"
make_file "$work/www/file" 2000000
head -c 100000000 /dev/zero >"$work/www/large"
sed "s|@WORK@|$work|g" "$here/nginx.conf.in" >"$work/nginx.conf"
net=rate=50mbit
start server nginx -c "$work/nginx.conf"
await_listen server 8080
start client curl -sS -o "$work/got" http://server:8080/large
until_true 100 test -s "$work/got" || fail "nothing arrived"
pkill -KILL -P "$agent" || fail "no client process"
wait "$agent"
[ $? = 137 ] || fail "the run did not tell of the kill"
on client curl -sS -o "$work/got" http://server:8080/file || fail "the next client"
same "$work/www/file" "$work/got"
no_connection() { ! "$SOCKEYE" ss -Htn --world "$world" --host server | grep -q ESTAB; }
until_true 100 no_connection || fail "a connection of the killed client is left"

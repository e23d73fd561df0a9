# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# One nginx worker is killed in mid-transfer: its client sees the end at once, the master starts
# another worker, and the next transfer is whole.
. "$(dirname "$0")/common.sh"
need nginx curl openssl
mkdir "$work/www"
make_file "$work/www/file" 2000000
head -c 100000000 /dev/zero >"$work/www/large"
sed "s|@WORK@|$work|g" "$here/nginx.conf.in" >"$work/nginx.conf"
net=rate=50mbit
start server nginx -c "$work/nginx.conf"
await_listen server 8080
on client curl -sS -o "$work/got" http://server:8080/large 2>"$work/curl.log" &
client=$!
until_true 100 test -s "$work/got" || fail "nothing arrived"
busy=$("$SOCKEYE" ss -Htnp --world "$world" --host server | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | head -1)
[ -n "$busy" ] || fail "ss does not tell which worker serves"
kill -KILL "$busy"
wait $client
case $? in
  18 | 56) ;;
  *) fail "curl did not see the end" ;;
esac
on client curl -sS -o "$work/got" http://server:8080/file || fail "the next client"
same "$work/www/file" "$work/got"

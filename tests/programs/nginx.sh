# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# nginx, a master and two workers that share the listener: curl over IPv4 and IPv6, wget, and 200
# connections at a time from ab.
. "$(dirname "$0")/common.sh"
need nginx curl wget openssl
mkdir "$work/www"
make_file "$work/www/file" 3000000
sed "s|@WORK@|$work|g" "$here/nginx.conf.in" >"$work/nginx.conf"
start server nginx -c "$work/nginx.conf"
await_listen server 8080
for family in -4 -6; do
  on client curl $family -sS -o "$work/got" http://server:8080/file || fail "curl $family"
  same "$work/www/file" "$work/got"
done
on client wget -q -O "$work/got" http://server:8080/file || fail wget
same "$work/www/file" "$work/got"

# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# 200 concurrent connections of ab to nginx with two workers; every request is answered.
. "$(dirname "$0")/common.sh"
need nginx ab
mkdir "$work/www"
head -c 2000 /dev/zero | tr '\0' x >"$work/www/page"
sed "s|@WORK@|$work|g" "$here/nginx.conf.in" >"$work/nginx.conf"
start server nginx -c "$work/nginx.conf"
await_listen server 8080
on client ab -q -n 2000 -c 200 http://server:8080/page >"$work/ab.log" 2>&1 || fail ab
grep -q '^Complete requests: *2000$' "$work/ab.log" || fail "not every request completed"
grep -q '^Failed requests: *0$' "$work/ab.log" || fail "requests failed"

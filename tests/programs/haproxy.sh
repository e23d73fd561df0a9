# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# curl -> haproxy -> nginx on three hosts: the proxy copies between two connected sockets, by splice
# where it can.
. "$(dirname "$0")/common.sh"
need haproxy nginx curl openssl
mkdir "$work/www"
make_file "$work/www/file" 3000000
sed "s|@WORK@|$work|g" "$here/nginx.conf.in" >"$work/nginx.conf"
cat >"$work/haproxy.cfg" <<'TEXT'
global
  maxconn 100
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen web
  bind :8000
  server nginx server:8080
TEXT
start server nginx -c "$work/nginx.conf"
await_listen server 8080
start proxy haproxy -db -f "$work/haproxy.cfg"
await_listen proxy 8000
on client curl -sS -o "$work/got" http://proxy:8000/file || fail curl
same "$work/www/file" "$work/got"

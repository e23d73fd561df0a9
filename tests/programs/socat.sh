# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# socat that forks for each connection: an echo server, eight clients at once, both ways.
. "$(dirname "$0")/common.sh"
need socat openssl
make_file "$work/file" 300000
start server socat TCP-LISTEN:7000,fork,reuseaddr EXEC:cat
await_listen server 7000
on client sh -c "
  for i in 1 2 3 4 5 6 7 8; do socat -t 10 - TCP:server:7000 <'$work/file' >'$work/echo'\$i & done; wait" ||
  fail clients
for i in 1 2 3 4 5 6 7 8; do same "$work/file" "$work/echo$i"; done

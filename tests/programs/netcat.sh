# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# netcat both ways: what the client sends arrives whole although it ends right after its last write;
# what the server sends is read to the end; and one datagram.
. "$(dirname "$0")/common.sh"
need nc openssl
make_file "$work/file" 2000000
cd "$work" || exit 1
"$SOCKEYE" pair --net delay=10ms -- sh -c 'exec nc -l 7000 >got' -- sh -c 'exec nc -N server 7000 <file' ||
  fail "client to server"
same file got
"$SOCKEYE" pair --net delay=10ms -- sh -c 'exec nc -N -l 7000 <file' -- sh -c 'exec nc -d server 7000 >back' ||
  fail "server to client"
same file back
"$SOCKEYE" pair -- sh -c 'exec nc -4 -u -l 7000 >datagram' -- sh -c 'echo hello | nc -4 -u -w 1 server 7000' ||
  fail datagram
[ "$(cat datagram)" = hello ] || fail "the datagram did not arrive"

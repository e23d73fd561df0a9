# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# 5,000 sockets at once in one world: 2,500 connections, each of which echoes; ss shows them all.
. "$(dirname "$0")/common.sh"
need python3
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -gt 6000 ] || { echo "SKIPPED: at most $(ulimit -Hn) descriptors"; exit 77; }
ulimit -Sn 5900
cat >"$work/program.py" <<'TEXT'
import socket
import sys

COUNT = 2500
listener = socket.create_server(("127.0.0.1", 7000), backlog=128)
pairs = []
for _ in range(COUNT):
    client = socket.create_connection(("127.0.0.1", 7000))
    pairs.append((client, listener.accept()[0]))
for number, (client, server) in enumerate(pairs):
    client.sendall(b"%d" % number)
for number, (client, server) in enumerate(pairs):
    assert server.recv(16) == b"%d" % number
    server.sendall(b"ok")
for client, server in pairs:
    assert client.recv(16) == b"ok"
print("all open", flush=True)
sys.stdin.readline()
TEXT
mkfifo "$work/go"
"$SOCKEYE" run --world "$world" -- python3 "$work/program.py" <>"$work/go" >"$work/run.log" 2>&1 &
agents+=($!)
until_true 900 grep -q 'all open' "$work/run.log" || fail "not all opened"
count=$("$SOCKEYE" ss -Htn --world "$world" | grep -c ESTAB)
[ "$count" = 5000 ] || fail "ss shows $count"
echo >"$work/go"
wait "${agents[0]}" || fail "the program failed"

# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# ss -p names every process that holds a socket, and the descriptor's number there: after fork, and
# for an accepted connection that nothing was asked of yet.
. "$(dirname "$0")/common.sh"
need python3
cat >"$work/server.py" <<'TEXT'
import os
import socket

listener = socket.create_server(("", 7000))
connection = None
child = os.fork()
if child == 0:
    os.read(os.open(os.environ["END"], os.O_RDONLY), 1)
    os._exit(0)
connection, _ = listener.accept()
print(os.getpid(), child, listener.fileno(), connection.fileno(), flush=True)
os.read(os.open(os.environ["END"], os.O_RDONLY), 1)
TEXT
mkfifo "$work/end"
END=$work/end start server python3 "$work/server.py"
await_listen server 7000
END=$work/end start client python3 -c 'import os, socket
connection = socket.create_connection(("server", 7000))
os.read(os.open(os.environ["END"], os.O_RDONLY), 1)'
until_true 100 test -s "$work/server.log" || fail "no connection"
read -r parent child listener connection <"$work/server.log"
"$SOCKEYE" ss -Htanp --world "$world" --host server >"$work/table.log"
expect() { grep -qF "$1" "$work/table.log" || fail "expected $1"; }
expect "users:((\"python3\",pid=$parent,fd=$listener),(\"python3\",pid=$child,fd=$listener))"
expect "users:((\"python3\",pid=$parent,fd=$connection))"

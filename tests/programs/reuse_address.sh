# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# A server whose connections are in TIME_WAIT starts again on its port: with SO_REUSEADDR at once,
# without it EADDRINUSE.
. "$(dirname "$0")/common.sh"
need python3
cat >"$work/program.py" <<'TEXT'
import errno
import socket

ADDRESS = ("0.0.0.0", 7000)


def listener(reuse):
    s = socket.socket()
    if reuse:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(ADDRESS)
    s.listen(8)
    return s


first = listener(True)
client = socket.create_connection(("127.0.0.1", 7000))
server, _ = first.accept()
server.close()  # the first to close waits
assert client.recv(1) == b""
client.close()
first.close()
try:
    listener(False)
    raise SystemExit("bind without SO_REUSEADDR succeeded beside TIME_WAIT")
except OSError as error:
    assert error.errno == errno.EADDRINUSE, error
again = listener(True)
client = socket.create_connection(("127.0.0.1", 7000))
again.accept()
print("listens again")
TEXT
"$SOCKEYE" run -- python3 "$work/program.py" >"$work/run.log" 2>&1 || fail "restart"
grep -q 'listens again' "$work/run.log" || fail "no second listener"

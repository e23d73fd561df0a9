# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# Four processes listen on one port with SO_REUSEPORT: connections are spread over all of them.
. "$(dirname "$0")/common.sh"
need python3
cat >"$work/program.py" <<'TEXT'
import collections
import os
import socket

WORKERS, CONNECTIONS = 4, 200
ready_r, ready_w = os.pipe()
workers = []
for number in range(WORKERS):
    pid = os.fork()
    if pid == 0:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(("0.0.0.0", 7000))
        s.listen(256)
        os.write(ready_w, b"x")
        while True:
            conn, _ = s.accept()
            conn.sendall(b"%d" % number)
            conn.close()
    workers.append(pid)
for _ in workers:
    os.read(ready_r, 1)
counts = collections.Counter()
for _ in range(CONNECTIONS):
    with socket.create_connection(("127.0.0.1", 7000)) as s:
        counts[s.recv(1)] += 1
for pid in workers:
    os.kill(pid, 9)
print(dict(counts))
assert len(counts) == WORKERS and min(counts.values()) >= CONNECTIONS / WORKERS / 4, counts
TEXT
"$SOCKEYE" run -- python3 "$work/program.py" >"$work/run.log" 2>&1 || fail "balancing"

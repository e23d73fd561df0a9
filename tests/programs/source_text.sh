# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# The echo server of the text that Sockeye implements (examples/echo_server.py, as printed there), asked by
# nc from another terminal on the same host; then its recv_n and send loop.
. "$(dirname "$0")/common.sh"
need python3 nc
cat >"$work/loops.py" <<'TEXT'
import socket
import threading


# recv exactly N bytes
def recv_n(sock, n):
    chunks = []
    received = 0
    while received < n:
        chunk = sock.recv(n - received)
        if not chunk:
            raise ConnectionError("peer closed early")
        chunks.append(chunk)
        received += len(chunk)
    return b"".join(chunks)


def send_all(sock, buf):
    # send all bytes
    sent = 0
    while sent < len(buf):
        n = sock.send(buf[sent:])
        if n == 0:
            raise BrokenPipeError()
        sent += n


listener = socket.create_server(("127.0.0.1", 9000))
payload = bytes(range(256)) * 40000


def serve():
    conn, _ = listener.accept()
    data = recv_n(conn, len(payload))
    conn.sendall(data)
    conn.close()


thread = threading.Thread(target=serve)
thread.start()
with socket.create_connection(("127.0.0.1", 9000)) as s:
    send_all(s, payload)
    assert recv_n(s, len(payload)) == payload
    try:
        recv_n(s, 1)
        raise SystemExit("more came than was sent")
    except ConnectionError as error:
        print(error)
thread.join()
TEXT
start host python3 "$here/../../examples/echo_server.py"
await_listen host 8080
[ "$(echo hello | on host nc -N localhost 8080)" = hello ] || fail "nc localhost 8080"
"$SOCKEYE" run -- python3 "$work/loops.py" >"$work/loops.log" 2>&1 || fail "loops"
grep -q 'peer closed early' "$work/loops.log" || fail "the end was not seen"

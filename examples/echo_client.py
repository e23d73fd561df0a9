# The client pieces of the text: a send loop, recv_n, and sendall, against echo_server.py.
#
#   sockeye pair -- python3 examples/echo_server.py -- python3 examples/echo_client.py server
#
# or, with a server that runs in the same world: sockeye run -- python3 examples/echo_client.py HOST
import socket
import sys


# send all bytes
def send_loop(sock, buf):
    sent = 0
    while sent < len(buf):
        n = sock.send(buf[sent:])
        if n == 0:
            raise BrokenPipeError()
        sent += n


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


def ask(host, text, send):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.connect((host, 8080))
        send(sock, text)
        reply = recv_n(sock, len(text))
        assert sock.recv(1) == b"", "the server closes after its reply"
        return reply


host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
for send in (send_loop, lambda sock, buf: sock.sendall(buf)):
    assert ask(host, b"hello, socket\n", send) == b"hello, socket\n"
print("echoed twice")

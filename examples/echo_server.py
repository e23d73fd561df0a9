# echo server — read a line, send it back
import socket

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 8080))
s.listen(128)

while True:
    conn, addr = s.accept()
    print(f"connection from {addr}")
    data = conn.recv(4096)
    conn.send(data)
    conn.close()

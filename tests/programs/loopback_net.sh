# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# A single host with --net: its own loopback has the qualities, and names still resolve at once.
. "$(dirname "$0")/common.sh"
need python3
cat >"$work/program.py" <<'TEXT'
import socket
import time

listener = socket.create_server(("127.0.0.1", 7000))
begin = time.monotonic()
client = socket.create_connection(("127.0.0.1", 7000))
took = time.monotonic() - begin
assert 1.0 <= took < 5, took
begin = time.monotonic()
assert socket.gethostbyname("host") == "10.0.0.1"
took = time.monotonic() - begin
assert took < 0.8, took
TEXT
"$SOCKEYE" run --net delay=500ms -- python3 "$work/program.py" >"$work/run.log" 2>&1 || fail "loopback"
grep -q "applies to this host's loopback" "$work/run.log" || fail "nothing was said about it"
"$SOCKEYE" run -- python3 -c '
import socket, time
listener = socket.create_server(("127.0.0.1", 7000))
begin = time.monotonic()
socket.create_connection(("127.0.0.1", 7000))
assert time.monotonic() - begin < 0.8' >"$work/run.log" 2>&1 || fail "an unimpaired loopback delays"

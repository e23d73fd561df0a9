# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# The C library's resolver against the world's name server: hosts both ways, localhost, and a name that
# nobody has fails at once, not after a time-out.
. "$(dirname "$0")/common.sh"
need python3
cat >"$work/names.py" <<'TEXT'
import socket
import time

begin = time.monotonic()
assert socket.gethostbyname("alpha") == "10.0.0.1"
found = {entry[4][0] for entry in socket.getaddrinfo("beta", 80)}
assert found == {"10.0.0.2", "fd00:50c:e7e::2"}, found
assert socket.getnameinfo(("10.0.0.1", 80), socket.NI_NUMERICSERV)[0] == "alpha"
assert socket.gethostbyname("localhost") == "127.0.0.1"
for name in ("gamma", "alpha.example", "example.com"):
    try:
        socket.getaddrinfo(name, 80)
        raise SystemExit(name + " resolves")
    except socket.gaierror as error:
        assert error.errno in (socket.EAI_NONAME, -5), error  # -5: EAI_NODATA
assert time.monotonic() - begin < 3, time.monotonic() - begin
print("names resolve")
TEXT
# Hosts are numbered in the order in which they join: alpha is to be the first.
mkfifo "$work/end"
start alpha sh -c ': >"$0/alpha.there"; read -r _ <"$0/end"' "$work"
until_true 100 test -e "$work/alpha.there" || fail "alpha does not start"
on beta python3 "$work/names.py" >"$work/names.log" 2>&1 || fail names
grep -q 'names resolve' "$work/names.log" || fail names

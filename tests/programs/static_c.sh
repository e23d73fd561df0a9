# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# A statically linked C program, in which nothing can be preloaded: an echo server and its client.
. "$(dirname "$0")/common.sh"
need gcc
gcc -static -O1 -o "$work/echo" "$here/static_echo.c" 2>"$work/gcc.log" || { echo "SKIPPED: no static libc"; exit 77; }
"$SOCKEYE" pair -- "$work/echo" server 7000 -- "$work/echo" client 7000 10.0.0.1 >"$work/pair.log" 2>&1 || fail "static program"
grep -q 'echoed 100000 bytes' "$work/pair.log" || fail "no echo"

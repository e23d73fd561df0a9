# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# 200 MB from http.server to curl: without faults, then with 1 % loss.
. "$(dirname "$0")/common.sh"
need python3 curl openssl
make_file "$work/file" 200000000
cd "$work" || exit 1
sum=$(sha256sum <file)
for net in 'delay=0ms' 'loss=1%,seed=7'; do
  got=$("$SOCKEYE" pair --net "$net" -- python3 -m http.server 8080 -- curl -sS http://server:8080/file 2>pair.log |
    sed '1{/^Serving HTTP/d}' | sha256sum)
  [ "$got" = "$sum" ] || fail "--net $net: the file that arrived differs"
done

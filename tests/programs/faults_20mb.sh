# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# 20 MB over networks with one fault each; what arrives is what was sent.
. "$(dirname "$0")/common.sh"
need python3 curl openssl
make_file "$work/file" 20000000
cd "$work" || exit 1
for net in 'loss=5%,seed=1' 'delay=1ms,reorder=5%,seed=2' 'delay=1ms,duplicate=5%,seed=3' \
  'delay=1ms,corrupt=1%,seed=4'; do
  rm -f got
  "$SOCKEYE" pair --net "$net" -- python3 -m http.server 8080 -- curl -sS -o got http://server:8080/file \
    >pair.log 2>&1 || fail "--net $net"
  same file got
done

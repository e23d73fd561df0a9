# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# curl and wget fetch from python's http.server over a network that delays and loses.
. "$(dirname "$0")/common.sh"
need python3 curl wget openssl
make_file "$work/file" 500000
cd "$work" || exit 1
for client in "curl -sS -o got" "wget -q -O got"; do
  rm -f got
  # shellcheck disable=SC2086
  "$SOCKEYE" pair --net 'delay=5ms,loss=1%,seed=7' -- python3 -m http.server 8080 -- \
    $client http://server:8080/file >pair.log 2>&1 || fail "$client"
  same file got
done

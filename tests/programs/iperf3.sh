# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# iperf3 in both directions over TCP, and UDP at a rate the network carries.
. "$(dirname "$0")/common.sh"
need iperf3
for direction in "" "-R" "-u -b 20M"; do
  # shellcheck disable=SC2086
  "$SOCKEYE" pair --ready tcp:5201 -- iperf3 -s -1 -- iperf3 -c server -n 20M $direction >"$work/iperf3.log" 2>&1 ||
    fail "iperf3 $direction"
  grep -q receiver "$work/iperf3.log" || fail "iperf3 $direction: no summary"
done

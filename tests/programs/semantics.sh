# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# The programs of tests/gate/programs print what each socket call returns, group by group: on the
# kernel and on Sockeye they must print the same. And a storm of signals loses no result.
. "$(dirname "$0")/common.sh"
programs=$(dirname "$SOCKEYE")
[ -x "$programs/gate_stream" ] || { echo "SKIPPED: the gate's test programs are not built"; exit 77; }
for program in stream process datagram; do
  "$programs/gate_$program" >"$work/expected" || fail "$program on the kernel"
  "$SOCKEYE" run -- "$programs/gate_$program" >"$work/got" || fail "$program ended with $?"
  diff "$work/expected" "$work/got" || fail "$program"
done
for rate in 1000 16000; do
  for restart in 1 0; do
    "$SOCKEYE" run -- "$programs/gate_storm" "$rate" 100 "$restart" 2>"$work/storm.log" || fail "storm $rate $restart"
  done
done

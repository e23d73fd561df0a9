# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# The capture of a lossy run as tshark reads it: two interfaces with the hosts' names, a reason on
# every packet that was dropped, no malformed packet and no bad checksum. Only headers are judged: HTTP's
# dissector calls a retransmission malformed.
. "$(dirname "$0")/common.sh"
need python3 curl tshark openssl
make_file "$work/file" 300000
cd "$work" || exit 1
"$SOCKEYE" pair --net delay=2ms,loss=3%,seed=11 --pcap x.pcapng -- python3 -m http.server 8080 -- \
  curl -sS -o got http://server:8080/file >pair.log 2>&1 || fail transfer
same file got
read_with() { tshark -r x.pcapng --disable-protocol http -o tcp.check_checksum:TRUE -o tcp.desegment_tcp_streams:FALSE -o ip.check_checksum:TRUE "$@" 2>/dev/null; }
[ "$(read_with -T fields -e frame.interface_name | sort -u | tr '\n' ' ')" = 'client server ' ] || fail interfaces
read_with -Y 'frame.comment contains "dropped: loss"' -T fields -e frame.number >dropped
[ -s dropped ] || fail "no packet says that it was lost"
read_with -Y '_ws.malformed || tcp.checksum.status == "Bad" || ip.checksum.status == "Bad"' >bad
[ -s bad ] && fail "malformed: $(head -3 bad)"
true

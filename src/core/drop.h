// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Why a packet was discarded. Every place that lets go of a packet names one of these reasons and
// counts it: `counters.drop(Drop::paws)`. The list is a table so that the reference page, the trace
// and the pcapng comments are made from it. One sentence per reason says what the stack saw.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sockeye {

#define SOCKEYE_DROPS(X)                                                                         \
  /* link and network */                                                                         \
  X(truncated, "the packet ends before its header does")                                         \
  X(bad_version, "the IP version is neither 4 nor 6, or not what the link said")                 \
  X(bad_ip_header, "an IPv4 header length or total length contradicts the packet")               \
  X(bad_ip_checksum, "the IPv4 header checksum is wrong")                                        \
  X(bad_ip_option, "an IPv4 option runs past its end")                                           \
  X(source_route, "an IPv4 source route (RFC 7126)")                                             \
  X(bad_extension_header, "an IPv6 extension header is malformed, misplaced or one too many")    \
  X(routing_header, "an IPv6 routing header with segments left (RFC 5095)")                      \
  X(martian_source, "the source can be no host's address on this link")                          \
  X(martian_destination, "the destination cannot be delivered here")                             \
  X(not_for_us, "the destination is no address of this host")                                    \
  X(mapped_on_wire, "an IPv4-mapped address in an IPv6 packet")                                  \
  X(unknown_protocol, "no transport has this protocol number")                                   \
  X(bad_fragment, "a fragment has an impossible offset or length")                               \
  X(fragment_overlap, "fragments of one datagram overlap")                                       \
  X(fragment_limit, "the reassembler is full")                                                   \
  X(fragment_timeout, "the rest of the datagram did not come in time")                           \
  X(no_route, "no interface leads to the destination")                                           \
  X(host_unreachable, "no host has this address")                                                \
  X(too_big, "the packet is larger than the link and must not be cut")                           \
  X(link_queue_full, "the link's queue is full")                                                 \
  X(no_memory, "a pool is exhausted")                                                            \
  X(duplicate_fragment, "a fragment that had come before")                                       \
  /* transports */                                                                               \
  X(bad_checksum, "the transport checksum is wrong")                                             \
  X(bad_transport_header, "a transport header contradicts the packet")                           \
  X(no_socket, "no socket has this address and port")                                            \
  X(receive_buffer_full, "the datagram socket's receive buffer is full")                         \
  X(bad_icmp, "an ICMP message is malformed or quotes too little")                               \
  X(icmp_rate_limited, "the ICMP answer would exceed the rate limit")                            \
  X(ignored_icmp, "an ICMP message of a kind that this host does not act upon")                  \
  /* tcp */                                                                                      \
  X(listen_no_syn, "a segment for a listening socket is neither SYN nor a handshake's end")      \
  X(syn_queue_full, "the listening socket has too many half-open connections")                   \
  X(accept_queue_full, "the listening socket's accept queue is full")                            \
  X(accept_deferred, "TCP_DEFER_ACCEPT: a handshake's end without data")                         \
  X(out_of_window, "the sequence number is outside the receive window")                          \
  X(paws, "the timestamp is older than one already seen (RFC 7323 5)")                           \
  X(no_timestamp, "the agreed timestamp option is missing (RFC 7323 3.2)")                       \
  X(bad_ack, "the acknowledgment is outside what was sent (RFC 5961 5)")                         \
  X(no_ack, "a segment without ACK in a synchronized state")                                     \
  X(rst_out_of_window, "a RST outside the window, or one that was challenged (RFC 5961 3)")      \
  X(syn_in_window, "a SYN for an open connection, challenged (RFC 5961 4)")                      \
  X(reset_limited, "a RST was due but the host's limit was reached")                             \
  X(challenge_limited, "a challenge ACK was due but the limit was reached (RFC 5961 7)")         \
  X(data_after_fin, "data beyond the peer's FIN")                                                \
  X(data_after_close, "data for a program that has closed")                                      \
  X(duplicate_data, "nothing new: all of it was received before")                                \
  X(reassembly_full, "no room for data out of order")                                            \
  X(zero_window, "data for a window of zero")                                                    \
  X(time_wait, "a segment for a connection in TIME_WAIT that cannot open a new one")             \
  X(connection_closed, "a segment for a connection that no longer exists")                       \
  X(time_wait_full, "a connection that ended got no TIME_WAIT record: the table is full")        \
  X(multicast_syn, "a SYN to or from a broadcast or multicast address (RFC 9293 3.9.2.3)")       \
  X(md5_not_found, "no TCP-MD5 signature although there is a key for the peer (TCPMD5NotFound)") \
  X(md5_unexpected, "a TCP-MD5 signature but no key for the peer (TCPMD5Unexpected)")            \
  X(md5_failure, "a TCP-MD5 signature that the key does not give (TCPMD5Failure)")               \
  X(ao_required, "no TCP-AO signature although one is required (TCPAORequired)")                 \
  X(ao_key_not_found, "a TCP-AO signature by a key that we do not have (TCPAOKeyNotFound)")      \
  X(ao_bad, "a TCP-AO signature that the key does not give (TCPAOBad)")                          \
  X(ao_icmp, "an ICMP error that a connection with TCP-AO does not trust (TCPAODroppedIcmps)")   \
  /* the network between hosts */                                                                \
  X(loss, "the network model lost it")                                                           \
  X(rate_queue_full, "the network model's bottleneck queue is full")                             \
  X(partition, "the network model keeps the two hosts apart")                                    \
  X(host_down, "the receiving host is switched off")

enum class Drop : std::uint8_t {
#define SOCKEYE_DROP_MEMBER(name, text) name,
  SOCKEYE_DROPS(SOCKEYE_DROP_MEMBER)
#undef SOCKEYE_DROP_MEMBER
};

#define SOCKEYE_DROP_ONE(name, text) +1
inline constexpr std::size_t kDropReasons = 0 SOCKEYE_DROPS(SOCKEYE_DROP_ONE);
#undef SOCKEYE_DROP_ONE

constexpr std::string_view name_of(Drop reason) {
  constexpr std::string_view kNames[] = {
#define SOCKEYE_DROP_NAME(name, text) #name,
      SOCKEYE_DROPS(SOCKEYE_DROP_NAME)
#undef SOCKEYE_DROP_NAME
  };
  return kNames[static_cast<std::size_t>(reason)];
}

constexpr std::string_view text_of(Drop reason) {
  constexpr std::string_view kTexts[] = {
#define SOCKEYE_DROP_TEXT(name, text) text,
      SOCKEYE_DROPS(SOCKEYE_DROP_TEXT)
#undef SOCKEYE_DROP_TEXT
  };
  return kTexts[static_cast<std::size_t>(reason)];
}

// How often each reason struck. Owned by a Stack (its own discards) or a Network (the wire's).
class DropCounters {
 public:
  void count(Drop reason) { ++counts_[static_cast<std::size_t>(reason)]; }
  std::uint64_t operator[](Drop reason) const { return counts_[static_cast<std::size_t>(reason)]; }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const auto count : counts_) sum += count;
    return sum;
  }

 private:
  std::array<std::uint64_t, kDropReasons> counts_{};
};

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Accurate ECN (RFC 9768): how many marked packets came, instead of whether any did. Three bits of every
// header (AE, CWR, ECE: the ACE field) count the packets with CE modulo eight, and an option counts the
// bytes by what their IP header said. Here: the counters of both halves, what the bits of a handshake
// mean, and what on the way makes them useless. Who may ask for it says net.ipv4.tcp_ecn (tcp/ecn.h).
//
//   data with CE ────────> r.cep + 1           r.ceb + bytes
//   s.cep follows <─────── ACE = r.cep mod 8   option: EE0B ECEB EE1B <── on ACKs with room for it
//
// Left out, because we send ECT(0) on new data only (RFC 3168 6.1.4, 6.1.5): ECT on SYNs, pure ACKs and
// retransmissions. Marks on the peer's are counted.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/time.h"
#include "wire/tcp.h"

namespace sockeye::tcp {

// --- the handshake (RFC 9768 3.1)

// What the two SYNs have come to.
enum class EcnMode : std::uint8_t { none, classic, accurate };

// The ACE field of a header as a number: AE is 4, CWR 2, ECE 1.
constexpr std::uint8_t ace_of(const TcpFlags& flags) {
  return static_cast<std::uint8_t>((flags.ae ? 4 : 0) | (flags.cwr ? 2 : 0) | (flags.ece ? 1 : 0));
}
constexpr void set_ace(TcpFlags& flags, std::uint8_t ace) {
  flags.ae = (ace & 4) != 0;
  flags.cwr = (ace & 2) != 0;
  flags.ece = (ace & 1) != 0;
}
// How a SYN-ACK, and the ACK of a SYN-ACK, say with which IP bits the other's packet came (tables 2, 3).
std::uint8_t handshake_ace(std::uint8_t ip_ecn);
// The same backwards; empty: it says nothing of the kind.
std::optional<std::uint8_t> handshake_ip_ecn(std::uint8_t ace);
// What a client that has sent (1,1,1) reads in the SYN-ACK (table 2).
EcnMode mode_of_syn_ack(std::uint8_t ace);

// --- the counters (3.2)

class AccEcn {
 public:
  // tcpi_accecn_fail_mode: why a half of it is not used. Linux's numbers.
  enum Failure : std::uint8_t { kAceSend = 1, kAceReceive = 2, kOptionSend = 4, kOptionReceive = 8 };
  // In the order of the IP header's numbers less one: ECT(1), ECT(0), CE.
  using Bytes3 = std::array<std::uint32_t, 3>;

  // --- receiving
  // `packets` came with these IP bits and so many bytes of payload. True: the peer should hear of it at once.
  bool on_packets(std::uint8_t ip_ecn, std::uint32_t packets, std::uint32_t payload_bytes);
  std::uint8_t ace() const { return static_cast<std::uint8_t>(received_ce_ & 7); }
  // The first ACK of a client says how the SYN-ACK came instead; asking answers once.
  void set_first_ace(std::uint8_t ip_ecn) { first_ace_ = handshake_ace(ip_ecn); }
  std::uint8_t take_ace();

  // --- the option that we send: net.ipv4.tcp_ecn_option and its beacons per round trip
  struct OptionRules {
    unsigned mode = 2;  // 0 never, 1 when it has news, 2 whenever there is room
    unsigned beacons = 3;
  };
  std::optional<AccEcnOption> option(const OptionRules& rules, std::uint32_t room, Instant now,
                                     Duration srtt);
  static AccEcnOption first_option();  // of a SYN-ACK, and nothing was counted

  // --- sending: what the peer has counted
  struct Feedback {
    std::uint8_t ace = 0;
    std::optional<AccEcnOption> option{};
    std::uint32_t packets = 0;  // that it acknowledges anew
    std::uint32_t mss = 536;
  };
  // Answers how many packets with CE it adds.
  std::uint32_t on_feedback(const Feedback& feedback);
  // The first ACE of the peer behind its SYN: zero is no counter's beginning (3.2.2.4). True: nothing of
  // it may be believed, and no ECT sent.
  bool check_first_ace(std::uint8_t ace);
  bool has_checked_first() const { return first_checked_; }
  // The handshake said that SYN or SYN-ACK came with other IP bits than they left with (3.2.2.3).
  void on_mangled() { failures_ |= kAceSend; }
  // A SYN-ACK of ours was marked: the peer's counter begins one higher.
  void on_first_mark() { ++delivered_ce_; }

  std::uint8_t failures() const { return failures_; }
  // Cumulative, from zero, as TCP_INFO shows them.
  std::uint32_t received_ce() const { return received_ce_ - kFirstCount; }
  std::uint32_t delivered_ce() const { return delivered_ce_ - kFirstCount; }
  const Bytes3& received_bytes() const { return received_bytes_; }
  const Bytes3& delivered_bytes() const { return delivered_bytes_; }
  bool option_seen() const { return option_seen_; }

  // All of it, for a snapshot (tcp/snapshot.h).
  template <class Walker, class Self>
  static void walk(Walker& field, Self& self) {
    field(self.received_ce_), field(self.delivered_ce_);
    for (auto& bytes : self.received_bytes_) field(bytes);
    for (auto& bytes : self.delivered_bytes_) field(bytes);
    field(self.last_ip_ecn_), field(self.first_ace_), field(self.failures_);
    field(self.first_checked_), field(self.option_seen_);
  }
  friend bool operator==(const AccEcn&, const AccEcn&) = default;

 private:
  static constexpr std::uint32_t kFirstCount = 5;  // where r.cep and s.cep begin

  bool take_option(const AccEcnOption& option, std::uint32_t& ce_bytes);

  std::uint32_t received_ce_ = kFirstCount;   // r.cep
  std::uint32_t delivered_ce_ = kFirstCount;  // s.cep
  Bytes3 received_bytes_{};                   // r.e1b, r.e0b, r.ceb, without what they begin at
  Bytes3 delivered_bytes_{};                  // s.e1b, ...
  Bytes3 told_bytes_{};                       // when an option went out last
  Instant told_at_{};
  std::uint8_t untold_ce_ = 0;  // packets with CE since the last ACK
  std::uint8_t last_ip_ecn_ = 0;
  std::uint8_t first_ace_ = 0;  // 0: none is due
  std::uint8_t failures_ = 0;
  bool first_checked_ = false;
  bool option_seen_ = false;
  bool option_due_ = false;  // another counter has moved than before
};

}  // namespace sockeye::tcp

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/acc_ecn.h"

#include <algorithm>

namespace sockeye::tcp {
namespace {

constexpr std::uint8_t kCe = 3;
constexpr std::uint32_t kCounterMask = 0xffffff;
// Where the counters of bytes begin on the wire (RFC 9768 3.2.1): zero there is a sign of bleaching.
constexpr AccEcn::Bytes3 kFirstBytes = {1, 1, 0};
// Which counter stands where, for either kind (3.2.3): EE1B ECEB EE0B or EE0B ECEB EE1B.
constexpr std::array<std::uint8_t, 3> kEct1First = {0, 2, 1}, kEct0First = {1, 2, 0};

const std::array<std::uint8_t, 3>& order_of(const AccEcnOption& option) {
  return option.ect1_first ? kEct1First : kEct0First;
}

AccEcnOption make_option(const AccEcn::Bytes3& bytes, bool ect1_first, std::uint8_t count) {
  AccEcnOption option;
  option.ect1_first = ect1_first;
  option.count = count;
  for (std::uint8_t i = 0; i < count; ++i) {
    const std::uint8_t which = order_of(option)[i];
    option.bytes[i] = (bytes[which] + kFirstBytes[which]) & kCounterMask;
  }
  return option;
}

}  // namespace

std::uint8_t handshake_ace(std::uint8_t ip_ecn) {
  constexpr std::array<std::uint8_t, 4> kCodes = {2, 3, 4, 6};  // not-ECT, ECT(1), ECT(0), CE
  return kCodes[ip_ecn & 3];
}

std::optional<std::uint8_t> handshake_ip_ecn(std::uint8_t ace) {
  for (std::uint8_t ip_ecn = 0; ip_ecn <= kCe; ++ip_ecn)
    if (handshake_ace(ip_ecn) == ace) return ip_ecn;
  return std::nullopt;
}

EcnMode mode_of_syn_ack(std::uint8_t ace) {
  if (handshake_ip_ecn(ace)) return EcnMode::accurate;
  // 101 was the ECN nonce's; 111 is a reflection of the SYN.
  return ace == 1 || ace == 5 ? EcnMode::classic : EcnMode::none;
}

bool AccEcn::on_packets(std::uint8_t ip_ecn, std::uint32_t packets, std::uint32_t payload_bytes) {
  const bool is_change = payload_bytes > 0 && ip_ecn != last_ip_ecn_;
  if (payload_bytes > 0) last_ip_ecn_ = ip_ecn;
  if (ip_ecn == 0) return false;
  received_bytes_[ip_ecn - 1u] += payload_bytes;
  if (is_change) option_due_ = true;  // 3.2.3.3: the option tells of the change
  if (ip_ecn != kCe) return false;
  received_ce_ += packets;
  untold_ce_ = static_cast<std::uint8_t>(std::min<std::uint32_t>(untold_ce_ + packets, 255));
  // 3.2.2.5.1: every second mark on data, every third on packets that need no ACK otherwise.
  return is_change || untold_ce_ >= (payload_bytes > 0 ? 2 : 3);
}

std::uint8_t AccEcn::take_ace() {
  untold_ce_ = 0;
  const std::uint8_t first = first_ace_;
  first_ace_ = 0;
  return first != 0 ? first : ace();
}

AccEcnOption AccEcn::first_option() {
  return make_option({}, false, 3);
}

std::optional<AccEcnOption> AccEcn::option(const OptionRules& rules, std::uint32_t room, Instant now,
                                           Duration srtt) {
  if (rules.mode == 0 || (failures_ & kOptionSend) != 0) return std::nullopt;
  const bool has_news = received_bytes_ != told_bytes_;
  const bool is_beacon = rules.beacons > 0 && has_news && now - told_at_ >= srtt / rules.beacons;
  if (rules.mode == 1 && !option_due_ && !is_beacon) return std::nullopt;
  // 2 bytes of kind and length, 3 for each counter, padded to a multiple of four.
  const std::uint8_t count = room >= 12 ? 3 : room >= 8 ? 2 : 0;
  if (count == 0) return std::nullopt;
  told_bytes_ = received_bytes_;
  told_at_ = now;
  option_due_ = false;
  return make_option(received_bytes_, last_ip_ecn_ == 1, count);
}

bool AccEcn::check_first_ace(std::uint8_t ace) {
  if (first_checked_) return false;
  first_checked_ = true;
  if (ace != 0) return false;
  failures_ |= kAceReceive;
  return true;
}

// The deltas of its counters; they are 24 bits that wrap. False: there is nothing in it to rely on.
bool AccEcn::take_option(const AccEcnOption& option, std::uint32_t& ce_bytes) {
  const bool is_first = !option_seen_;
  option_seen_ = true;
  if ((failures_ & kOptionReceive) != 0) return false;
  bool has_ce = false;
  for (std::uint8_t i = 0; i < option.count; ++i) {
    const std::uint8_t which = order_of(option)[i];
    // 3.2.3.2.3: the first that comes begins at one, unless it was bleached.
    if (is_first && which != 2 && option.bytes[i] == 0) {
      failures_ |= kOptionReceive;
      return false;
    }
    std::uint32_t& known = delivered_bytes_[which];
    const std::uint32_t delta = (option.bytes[i] - kFirstBytes[which] - known) & kCounterMask;
    if (delta > kCounterMask / 2) continue;  // it was overtaken
    known += delta;
    if (which != 2) continue;
    ce_bytes = delta;
    has_ce = true;
  }
  return has_ce;
}

std::uint32_t AccEcn::on_feedback(const Feedback& feedback) {
  if ((failures_ & kAceReceive) != 0) return 0;
  std::uint32_t ce_bytes = 0;
  const bool has_bytes = feedback.option && take_option(*feedback.option, ce_bytes);
  if (feedback.packets == 0) return 0;
  std::uint32_t delta = (feedback.ace - delivered_ce_) & 7;
  if (feedback.packets > 7) {
    // 3.2.2.5.2: the field may have wrapped; the most that there may have been, unless the bytes say less.
    const std::uint32_t most = feedback.packets - ((feedback.packets - delta) & 7);
    const bool is_less = has_bytes && ce_bytes < (std::uint64_t{most} * feedback.mss) / 2;
    if (!is_less) delta = most;
  }
  delivered_ce_ += delta;
  return delta;
}

}  // namespace sockeye::tcp

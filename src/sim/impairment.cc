// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "sim/impairment.h"

#include <algorithm>

namespace sockeye::sim {

Bottleneck::Bottleneck(const NetSpec& spec)
    : rate_(spec.rate),
      bytes_max_(spec.queue_limit_bytes()),
      packets_max_(spec.queue_packets != 0 ? spec.queue_packets : UINT64_MAX) {}

std::optional<Instant> Bottleneck::admit(Instant now, std::uint32_t bytes) {
  if (rate_ == 0) return now;
  while (!waiting_.empty() && waiting_.front().departs <= now) {
    bytes_ -= waiting_.front().bytes;
    waiting_.pop_front();
  }
  if (bytes_ + bytes > bytes_max_ || waiting_.size() >= packets_max_) return std::nullopt;
  const std::uint64_t bits_ns = std::uint64_t{bytes} * 8 * 1'000'000'000;  // 65535 bytes: below 2^60
  free_at_ = std::max(free_at_, now) + Duration(static_cast<std::int64_t>((bits_ns + rate_ - 1) / rate_));
  bytes_ += bytes;
  waiting_.push_back({free_at_, bytes});
  return free_at_;
}

bool Bottleneck::is_filled(Chance part) const {
  __extension__ using Wide = unsigned __int128;
  if (packets_max_ != UINT64_MAX)
    return Wide{waiting_.size()} * Chance::kCertain >= Wide{packets_max_} * part.parts;
  return Wide{bytes_} * Chance::kCertain >= Wide{bytes_max_} * part.parts;
}

Impairment::Decision Impairment::decide(Instant now, std::uint32_t bytes, const Fate& fate) {
  Decision decision;
  if (under_way() >= kUnderWayMax) {
    decision.drop = Drop::link_queue_full;
    return decision;
  }
  decision.corrupted = fate.strikes(Stage::corrupt, spec_.corrupt);
  const auto departs = bottleneck_.admit(now, bytes);
  if (!departs) {
    decision.drop = Drop::rate_queue_full;
    return decision;
  }
  decision.congested = spec_.ecn && bottleneck_.is_filled(spec_.ecn);
  if (fate.strikes(Stage::loss, spec_.loss)) {
    decision.drop = Drop::loss;
    return decision;
  }
  decision.due = *departs + spec_.delay;
  if (spec_.jitter != Duration::zero()) {
    const auto width = static_cast<std::uint64_t>(to_ns(spec_.jitter)) * 2 + 1;
    decision.due += Duration(static_cast<std::int64_t>(fate.below(Stage::jitter, width))) - spec_.jitter;
  }
  decision.late = fate.strikes(Stage::reorder, spec_.reorder);
  if (decision.late) {
    const auto most = static_cast<std::uint64_t>(to_ns(std::max<Duration>(spec_.delay, 1ms)));
    decision.due += Duration(static_cast<std::int64_t>(1 + fate.below(Stage::lateness, most)));
  } else {
    decision.due = last_due_ = std::max(decision.due, last_due_);
  }
  return decision;
}

void Impairment::enter(PacketPtr packet, const Decision& decision) {
  packet->due = decision.due;
  if (!decision.late) {
    line_.push_back(std::move(packet));
    return;
  }
  late_.push_back({decision.due, next_order_++, std::move(packet)});
  std::push_heap(late_.begin(), late_.end());
}

bool Impairment::corrupt(Packet& packet, const Fate& fate) {
  const std::uint64_t bit = fate.below(Stage::corrupt_bit, std::uint64_t{packet.size()} * 8);
  const auto mask = static_cast<std::byte>(1U << (bit % 8));
  const auto at = static_cast<std::uint32_t>(bit / 8);
  // Headers are the packet's own. The sender's retransmission refers to the same payload: a copy first.
  if (at >= packet.head().size() && !packet.unshare_payload(packet.pool().chunks())) return false;
  packet.flip_bits(at, mask);
  return true;
}

Instant Impairment::next_due() const {
  const Instant in_order = line_.empty() ? kNever : line_.front().due;
  return late_.empty() ? in_order : std::min(in_order, late_.front().due);
}

PacketPtr Impairment::take_due(Instant now) {
  const Instant due = next_due();
  if (due > now || due == kNever) return nullptr;
  if (!line_.empty() && line_.front().due == due) return line_.pop_front();
  std::pop_heap(late_.begin(), late_.end());
  PacketPtr packet = std::move(late_.back().packet);
  late_.pop_back();
  return packet;
}

void Impairment::clear() {
  line_.clear();
  late_.clear();
}

}  // namespace sockeye::sim

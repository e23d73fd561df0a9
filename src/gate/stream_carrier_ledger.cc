// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/stream_carrier_ledger.h"

#include <algorithm>

namespace sockeye::gate {

namespace {

constexpr std::uint32_t kPage = 4096;
constexpr std::uint32_t kSharedInfo = 320;                 // struct skb_shared_info, aligned
constexpr std::uint32_t kHead = 256;                       // struct sk_buff, aligned
constexpr std::uint32_t kLinearMax = kPage - kSharedInfo;  // SKB_MAX_HEAD(0)

std::uint32_t round_up(std::uint32_t value, std::uint32_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::uint32_t slab(std::uint32_t bytes) {
  std::uint32_t size = 512;
  while (size < bytes) size *= 2;
  return size;
}

}  // namespace

std::uint32_t UnreadLedger::cost_of(std::uint32_t bytes) {
  std::uint32_t paged = bytes > kLinearMax ? bytes - kLinearMax : 0;
  paged = std::min(round_up(paged, kPage), bytes);
  return slab(round_up(bytes - paged, 64) + kSharedInfo) + kHead + round_up(paged, kPage);
}

void UnreadLedger::wrote(std::uint32_t bytes) {
  const std::uint32_t cost = cost_of(bytes);
  writes_.push_back({bytes, cost});
  bytes_ += bytes;
  cost_ += cost;
}

void UnreadLedger::measured(std::uint32_t cost) {
  while (!empty() && (cost == 0 || cost_ - writes_[head_].cost >= cost)) {
    bytes_ -= writes_[head_].bytes;
    cost_ -= writes_[head_].cost;
    ++head_;
  }
  if (empty()) {
    writes_.clear();
    if (writes_.capacity() > kKept) writes_.shrink_to_fit();
    head_ = 0;
  } else if (head_ > writes_.size() / 2 && head_ >= kKept) {
    writes_.erase(writes_.begin(), writes_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

}  // namespace sockeye::gate

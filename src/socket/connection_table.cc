// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/connection_table.h"

#include "core/assert.h"
#include "socket/stream_connection.h"

namespace sockeye {
std::uint32_t ConnectionTable::hash(const FiveTuple& tuple) const {
  const std::uint64_t ports = static_cast<std::uint64_t>(tuple.local.port) << 16 | tuple.remote.port;
  std::uint64_t sum = 0;
  if (tuple.local.address.is_v4() && tuple.remote.address.is_v4()) {
    const std::uint64_t addresses =
        static_cast<std::uint64_t>(tuple.local.address.to_v4()) << 32 | tuple.remote.address.to_v4();
    sum = siphash13(key_, addresses, ports);
  } else {
    const std::uint64_t words[] = {tuple.local.address.high(), tuple.local.address.low(),
                                   tuple.remote.address.high(), tuple.remote.address.low(), ports};
    sum = siphash13(key_, words);
  }
  return static_cast<std::uint32_t>(sum ^ sum >> 32);
}

StreamConnection* ConnectionTable::find(const FiveTuple& tuple) const {
  if (last_ != nullptr && last_->tuple() == tuple) return last_;
  if (size_ == 0) return nullptr;
  const std::uint32_t wanted = hash(tuple);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = wanted & mask; slots_[at].connection != nullptr; at = (at + 1) & mask)
    if (slots_[at].hash == wanted && slots_[at].connection->tuple() == tuple)
      return last_ = slots_[at].connection;
  return nullptr;
}

void ConnectionTable::place(Slot slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = slot.hash & mask;
  while (slots_[at].connection != nullptr) at = (at + 1) & mask;
  slots_[at] = slot;
}

void ConnectionTable::grow() {
  std::vector<Slot> old(slots_.empty() ? kMinimum : slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.connection != nullptr) place(slot);
}

void ConnectionTable::insert(const FiveTuple& tuple, StreamConnection& connection) {
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  place({&connection, hash(tuple)});
  ++size_;
}

void ConnectionTable::erase(const FiveTuple& tuple, const StreamConnection& connection) {
  if (last_ == &connection) last_ = nullptr;
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = hash(tuple) & mask;
  while (slots_[hole].connection != &connection) {
    SOCKEYE_ASSERT(slots_[hole].connection != nullptr);
    hole = (hole + 1) & mask;
  }
  --size_;
  for (std::size_t at = (hole + 1) & mask; slots_[at].connection != nullptr; at = (at + 1) & mask) {
    // An entry may move back into the hole unless its home lies behind the hole.
    const std::size_t home = slots_[at].hash & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = Slot{};
}

}  // namespace sockeye

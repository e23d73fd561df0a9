// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The connections of a host by five-tuple: open addressing with linear probing and a keyed hash
// (SipHash-1-3, hostile.md F19). A slot keeps 32 bits of the hash, so that a look-up touches a
// connection only when it is very probably the right one; deletion shifts back, there are no
// tombstones. Order of iteration is the order of slots: callers that show it sort.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ip_address.h"
#include "core/siphash.h"

namespace sockeye {

class StreamConnection;

class ConnectionTable {
 public:
  explicit ConnectionTable(SipKey key) : key_(key) {}

  StreamConnection* find(const FiveTuple& tuple) const;
  void insert(const FiveTuple& tuple, StreamConnection& connection);  // not there yet
  void erase(const FiveTuple& tuple, const StreamConnection& connection);
  std::size_t size() const { return size_; }
  std::uint32_t hash(const FiveTuple& tuple) const;

  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_)
      if (slot.connection != nullptr) visit(*slot.connection);
  }

 private:
  struct Slot {
    StreamConnection* connection = nullptr;
    std::uint32_t hash = 0;
  };
  static constexpr std::size_t kMinimum = 16;
  void grow();
  void place(Slot slot);

  SipKey key_;
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  mutable StreamConnection* last_ = nullptr;  // found last: packets of one flow come one after the other
};

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How many bytes of a carrier has the program not read yet? The kernel does not say: SIOCOUTQ of our
// end counts what its buffers cost, not what they hold (1 byte reads as 768), and a buffer counts
// whole until its last byte is read. So every write is remembered with its size and the cost that the
// kernel charges for it; the buffers are freed in order, so the unread ones are the shortest tail whose
// costs make up what SIOCOUTQ says. The answer errs by less than one write, and upwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sockeye::gate {

class UnreadLedger {
 public:
  void wrote(std::uint32_t bytes);
  // SIOCOUTQ of our end, read after the last wrote().
  void measured(std::uint32_t cost);

  bool empty() const { return head_ == writes_.size(); }
  std::size_t writes() const { return writes_.size() - head_; }
  std::uint32_t bytes() const { return bytes_; }
  std::uint32_t cost() const { return cost_; }

  // What Linux on x86-64 charges for one buffer of a stream write (4 KiB pages; sk_buff and its
  // shared info inside): a linear part from a power-of-two slab, the rest in whole pages.
  static std::uint32_t cost_of(std::uint32_t bytes);

 private:
  struct Write {
    std::uint32_t bytes;
    std::uint32_t cost;
  };
  static constexpr std::size_t kKept = 16;  // capacity that an idle ledger may keep

  std::vector<Write> writes_;
  std::size_t head_ = 0;
  std::uint32_t bytes_ = 0;
  std::uint32_t cost_ = 0;
};

}  // namespace sockeye::gate

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A link whose other end is the embedding program: it is given every IP packet that the host sends,
// and hands in those that the host shall receive, as plain bytes (a VPN, an emulator, a fuzzer).
// Nothing on it is trusted: checksums are computed and verified. And TapLink, which shows what passes
// over another link.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "core/result.h"
#include "link/link.h"

namespace sockeye::posix {

// The bytes are valid during the call; the call may hand packets in, but must not make socket calls.
using PacketTap = std::function<void(Instant now, bool from_first, Bytes packet)>;

struct RawLinkOptions {
  std::uint32_t mtu = 1500;
  // More than the MTU: the program takes what is to be cut in one piece, as a device with TSO does, and
  // may hand in such packets.
  std::uint32_t largest_packet = 0;
  std::function<void(Instant now, Bytes packet)> transmit{};
};

class RawLink final : public Link {
 public:
  static constexpr std::size_t kQueueMax = 4096;  // packets handed in and not yet taken

  RawLink(PacketPool& pool, RawLinkOptions options) : pool_(pool), options_(std::move(options)) {}

  // ENOBUFS: the queue or the pool is full; EMSGSIZE: larger than the largest packet; EINVAL: no IP packet.
  Result<> input(Instant now, Bytes packet);
  // Packets that are to be cut are cut here from now on, whatever the stack hands down: as the kernel does
  // for a device whose TSO was switched off (`ethtool -K`).
  void set_cutting(bool on) { cuts_ = on; }

  LinkCapabilities capabilities() const override;
  void transmit(Instant now, PacketList& packets) override;
  void receive(Instant now, PacketList& packets, std::size_t limit) override;
  Instant next_arrival() const override { return inbound_.empty() ? kNever : inbound_.front().due; }

 private:
  std::uint32_t largest() const { return std::max(options_.mtu, options_.largest_packet); }

  PacketPool& pool_;
  RawLinkOptions options_;
  PacketList inbound_;
  std::vector<std::byte> bytes_;
  bool cuts_ = false;
};

class TapLink final : public Link {
 public:
  TapLink(Link& inner, bool is_first, PacketTap tap)
      : inner_(inner), tap_(std::move(tap)), is_first_(is_first) {
    inner_.set_waker(&relay_);
    relay_.outer = this;
  }
  LinkCapabilities capabilities() const override { return inner_.capabilities(); }
  void transmit(Instant now, PacketList& packets) override;
  void receive(Instant now, PacketList& packets, std::size_t limit) override {
    inner_.receive(now, packets, limit);
  }
  Instant next_arrival() const override { return inner_.next_arrival(); }

 private:
  struct Relay final : LinkWaker {
    void wake() override { outer->wake(); }
    TapLink* outer = nullptr;
  };
  Link& inner_;
  PacketTap tap_;
  bool is_first_;
  Relay relay_;
  std::vector<std::byte> bytes_;
};

}  // namespace sockeye::posix

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The world's pcapng file: a descriptor that an agent opened, written in large pieces. When writing
// fails (the disk is full) the capture ends there and the world goes on.
#pragma once

#include <vector>

#include "core/time.h"
#include "sim/pcap_tap.h"
#include "world/unique_fd.h"

namespace sockeye::world {

class Capture final : private ByteSink {
 public:
  explicit Capture(UniqueFd file);
  ~Capture() { flush(); }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  sim::PacketTap& tap() { return tap_; }
  void flush();

 private:
  void write(Bytes bytes) override;

  UniqueFd file_;
  std::vector<std::byte> buffer_;
  sim::PcapTap tap_;
};

}  // namespace sockeye::world

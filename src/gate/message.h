// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// struct msghdr and struct mmsghdr in a program's memory.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gate/gate.h"

namespace sockeye::gate {

struct RemoteMessage {
  std::uint64_t address = 0;  // of the struct msghdr
  msghdr header{};            // its pointers mean the program's memory
  std::vector<iovec> parts{};

  std::size_t room() const;  // bytes that the parts describe
  // The parts cut to `count` bytes behind the first `offset`.
  std::vector<iovec> slice(std::size_t offset, std::size_t count) const;
};

// 0, -EFAULT, -EMSGSIZE or -EINVAL, as the kernel.
std::int64_t read_message(Gate& gate, const Call& call, std::uint64_t address, RemoteMessage& message);
// One buffer as if it were a message without header.
RemoteMessage plain_message(std::uint64_t buffer, std::uint64_t size);
// The data, up to `limit` bytes.
std::int64_t read_data(Gate& gate, const Call& call, const RemoteMessage& message, std::size_t offset,
                       std::size_t limit, std::string& data);
std::int64_t write_data(Gate& gate, const Call& call, const RemoteMessage& message, std::string_view data);

// What a receive tells besides the data.
struct Received {
  std::string_view name{};
  std::string_view control{};
  std::uint32_t flags = 0;
};
// Writes name, control data and flags into the header as the kernel does; MSG_CTRUNC when control is cut.
std::int64_t write_header(Gate& gate, const Call& call, const RemoteMessage& message,
                          const Received& received, int call_flags);

}  // namespace sockeye::gate

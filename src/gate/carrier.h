// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Making carriers (decisions.md D16, D18): the kernel descriptors that programs hold. A stream begins
// as an *unconnected* AF_UNIX stream, which polls OUT|HUP as an unconnected TCP socket does, and is
// connected in place, through a duplicate of the program's descriptor, when it needs a world's end.
// Its SO_COOKIE stays what it was, and so do registrations with epoll.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/result.h"
#include "world/unique_fd.h"

namespace sockeye::gate {

using world::UniqueFd;

// The socket's identity. 0: not a socket.
std::uint64_t cookie_of(int fd);
// What /proc/PID/fd says of it: "socket:[inode]". 0: not a descriptor.
std::uint64_t inode_of(int fd);

// A stream that no world's end exists for yet.
Result<UniqueFd> make_unconnected_stream(bool nonblocking);

struct DatagramCarrier {
  UniqueFd program;
  UniqueFd world;
};
// Connected from the start. SEQPACKET, because a receive that sleeps on one end of a DGRAM pair does not wake
// up when the other end is closed.
Result<DatagramCarrier> make_datagram_carrier(bool nonblocking);

// The options that the kernel must know too, because data calls do not come to us: time-outs, inline urgent
// data, low-water mark. From one program's end to another that takes its place or comes from its listener.
void copy_native_options(int from, int to);

// What carriers are connected to: a listening socket that nobody but this process can reach (its name was
// removed from the file system; we go through a descriptor of it).
class CarrierPort {
 public:
  // Throws std::system_error.
  CarrierPort();

  // Connects the unconnected stream `program` (any descriptor of it) and returns the world's end. The
  // program's end is full of kJunkBytes, hence not POLLOUT, until the world has read them.
  Result<UniqueFd> connect(int program);

 private:
  UniqueFd listener_;
  UniqueFd name_;     // O_PATH, when the name is in the file system
  std::string path_;  // what connect() is given; starts with NUL when abstract
};

}  // namespace sockeye::gate

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where we answer otherwise than the kernel, on purpose, and why. Anything that is not listed here
// fails. An entry names the test and both lines exactly.
#include "script.h"

namespace sockeye::parity {
namespace {

struct Difference {
  std::string_view test;
  std::string_view kernel;
  std::string_view ours;
  const char* reason;
};

constexpr const char* kStalePort = "Linux shows the number of a port that it has given back";

constexpr Difference kDifferences[] = {
    {"NotASocket", "FIONREAD = EINVAL", "FIONREAD = ENOTTY",
     "epoll sets have ioctls of their own since Linux 6.9; the profile is 6.1"},
    {"Fresh", "poll = IN|OUT|HUP|RDNORM|WRNORM|RDHUP", "poll = OUT|HUP|WRNORM",
     "Linux marks a socket as shut down although it answers ENOTCONN"},
    {"Listening", "getsockname 127.0.0.1 with port, size 16", "getsockname 127.0.0.1 without port, size 16",
     kStalePort},
    {"RefusedBlocking", "getsockname 0.0.0.0 with port, size 16", "getsockname 0.0.0.0 without port, size 16",
     kStalePort},
    {"Disconnect", "getsockname 0.0.0.0 with port, size 16", "getsockname 0.0.0.0 without port, size 16",
     kStalePort},
};

}  // namespace

const char* known_difference(std::string_view test, std::string_view kernel, std::string_view ours) {
  for (const Difference& known : kDifferences)
    if (known.test == test && known.kernel == kernel && known.ours == ours) return known.reason;
  return nullptr;
}

}  // namespace sockeye::parity

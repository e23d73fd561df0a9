// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/capture.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "world/event_loop.h"

namespace sockeye::world {

namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

// What makes an Instant of CLOCK_MONOTONIC a time since 1970.
Duration epoch() {
  timespec at{};
  ::clock_gettime(CLOCK_REALTIME, &at);
  const Duration wall = std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
  return wall - EventLoop::read_clock().time_since_epoch();
}

}  // namespace

Capture::Capture(UniqueFd file) : file_(std::move(file)), tap_(*this, epoch()) {
  buffer_.reserve(kBufferBytes);
}

void Capture::write(Bytes bytes) {
  if (!file_) return;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kBufferBytes) flush();
}

void Capture::flush() {
  std::size_t done = 0;
  while (file_ && done < buffer_.size()) {
    const ssize_t count = ::write(file_.get(), buffer_.data() + done, buffer_.size() - done);
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (count == 0 || errno != EINTR) {
      file_.reset();
    }
  }
  buffer_.clear();
}

}  // namespace sockeye::world

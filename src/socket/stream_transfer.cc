// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Bytes in and out of a stream socket: gathering, scattering, peeking and throwing away.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "socket/stream_socket.h"

namespace sockeye {

Result<std::size_t> StreamSocket::transfer(const Outgoing& message) {
  if ((message.flags & MessageFlags::kFastOpen) != 0) return send_fast_open(message);
  if (connection_ == nullptr) return take_error().value_or(Errno::pipe);
  const bool out_of_band = (message.flags & MessageFlags::kOob) != 0;
  const bool is_first = connection_->tcp().is_syn_deferred();  // TCP_FASTOPEN_CONNECT waited for it
  std::size_t done = 0;
  std::optional<Errno> failure;
  // Linux: where bytes are not copied, each buffer is a piece of its own, and a packet takes so many.
  constexpr std::size_t kPiecesMax = 17;
  const bool in_pieces = (message.flags & MessageFlags::kZeroCopy) != 0 && options().zero_copy;
  for (std::size_t i = 0; i < message.buffers.size(); ++i) {
    const Bytes bytes = message.buffers[i];
    const bool last = i + 1 == message.buffers.size();
    if (bytes.empty() && !(last && done == 0)) continue;
    const bool more = !last || (message.flags & MessageFlags::kMore) != 0;
    const auto taken = connection_->tcp().send(host_.now, bytes, more, out_of_band && last);
    if (!taken) {
      failure = taken.error();
      break;
    }
    done += *taken;
    if (*taken < bytes.size()) break;
    if (last && (message.flags & MessageFlags::kEndOfRecord) != 0) connection_->tcp().end_record();
    if (!last && in_pieces && (i + 1) % kPiecesMax == 0) connection_->tcp().end_record();
  }
  if (!connection_->is_retired()) host_.touch(*connection_);
  if (done == 0 && failure) return *failure;
  if (is_first) return after_first_bytes(message, done);
  return done;
}

std::size_t StreamSocket::send_room() const {
  return connection_ != nullptr ? connection_->tcp().send_room() : 0;
}

void StreamSocket::set_external_unread(std::uint32_t bytes) {
  if (connection_ == nullptr || connection_->is_retired()) return;
  connection_->tcp().set_external_unread(host_.now, bytes);
  host_.touch(*connection_);
}

Result<std::size_t> StreamSocket::receive(Incoming& message) {
  const auto got = receive_bytes(message);
  if (options().tell_unread && got && connection_ != nullptr) message.unread = connection_->tcp().inq_hint();
  return got;
}

Result<std::size_t> StreamSocket::receive_bytes(Incoming& message) {
  message.from.reset();
  constexpr int kUnusual =
      MessageFlags::kErrQueue | MessageFlags::kPeek | MessageFlags::kOob | MessageFlags::kTrunc;
  if ((message.flags & kUnusual) == 0 && connection_ != nullptr && message.buffers.size() == 1 &&
      !message.buffers.front().empty()) {
    auto got = connection_->tcp().receive(host_.now, message.buffers.front(), false, false);
    if (got && *got > 0) after_receive();
    return got;
  }
  if ((message.flags & MessageFlags::kErrQueue) != 0) return receive_report(message);
  if (connection_ == nullptr) return take_error().value_or(Errno::notconn);
  const bool peek = (message.flags & MessageFlags::kPeek) != 0;
  if ((message.flags & MessageFlags::kOob) != 0) {
    const MutableBytes room = message.buffers.empty() ? MutableBytes() : message.buffers.front();
    auto got =
        connection_->tcp().receive(host_.now, room.first(std::min<std::size_t>(room.size(), 1)), peek, true);
    message.out_of_band = got.has_value() && *got > 0;
    return got;
  }
  std::size_t room = 0;
  for (const MutableBytes& buffer : message.buffers) room += buffer.size();
  auto got =
      (message.flags & MessageFlags::kTrunc) != 0 ? discard_bytes(room, peek) : receive_scattered(message);
  // Asking for nothing waits for bytes all the same, as on Linux.
  if (got && room == 0 && connection_->tcp().readable_bytes() == 0 && !any(readiness() & Readiness::in))
    return Errno::again;
  if (!peek && got && *got > 0) after_receive();
  return got;
}

void StreamSocket::after_receive() {
  if (!connection_->is_retired() && connection_->tcp().wants_settling()) host_.touch(*connection_);
}

Result<std::size_t> StreamSocket::receive_scattered(Incoming& message) {
  const bool peek = (message.flags & MessageFlags::kPeek) != 0;
  if (message.buffers.size() == 1)
    return connection_->tcp().receive(host_.now, message.buffers.front(), peek, false);
  if (peek) {  // a peek always begins at the front: read once, then scatter
    std::size_t total = 0;
    for (const MutableBytes& buffer : message.buffers) total += buffer.size();
    std::vector<std::byte> bytes(std::min<std::size_t>(total, connection_->tcp().readable_bytes()));
    const auto got = connection_->tcp().receive(host_.now, bytes, true, false);
    if (!got) return got;
    std::size_t at = 0;
    for (const MutableBytes& buffer : message.buffers) {
      const std::size_t step = std::min(buffer.size(), *got - at);
      if (step > 0) std::memcpy(buffer.data(), bytes.data() + at, step);
      at += step;
    }
    return got;
  }
  std::size_t done = 0;
  for (const MutableBytes& buffer : message.buffers) {
    const auto got = connection_->tcp().receive(host_.now, buffer, false, false);
    if (!got) return done > 0 ? Result<std::size_t>(done) : got;
    done += *got;
    if (*got < buffer.size()) break;
  }
  return done;
}

// MSG_TRUNC on a stream: Linux throws the bytes away instead of copying them.
Result<std::size_t> StreamSocket::discard_bytes(std::size_t bytes, bool peek) {
  if (peek && connection_->tcp().readable_bytes() > 0)
    return std::min<std::size_t>(bytes, connection_->tcp().readable_bytes());
  std::array<std::byte, 4096> scratch;
  std::size_t done = 0;
  do {
    const std::size_t step = std::min(bytes - done, scratch.size());
    const auto got = connection_->tcp().receive(host_.now, MutableBytes(scratch).first(step), false, false);
    if (!got) return done > 0 ? Result<std::size_t>(done) : got;
    done += *got;
    if (*got < step) break;
  } while (done < bytes);
  return done;
}

}  // namespace sockeye

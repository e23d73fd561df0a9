// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/message.h"

#include <limits.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace sockeye::gate {

namespace {

constexpr std::size_t kPartsMax = 1024;         // UIO_MAXIOV
constexpr std::size_t kRoomMax = 0x7ffff000;    // MAX_RW_COUNT
constexpr std::size_t kControlMax = 20 * 1024;  // net.core.optmem_max

// Whole control messages only, as put_cmsg does, except that the last one may be cut.
std::size_t fitting(std::string_view control, std::size_t room, bool& truncated) {
  if (control.size() <= room) return control.size();
  truncated = true;
  return room < sizeof(cmsghdr) ? 0 : room;
}

}  // namespace

std::size_t RemoteMessage::room() const {
  std::size_t sum = 0;
  for (const iovec& part : parts) sum += part.iov_len;
  return std::min(sum, kRoomMax);
}

std::vector<iovec> RemoteMessage::slice(std::size_t offset, std::size_t count) const {
  std::vector<iovec> cut;
  for (iovec part : parts) {
    if (count == 0) break;
    std::size_t skipped = std::min(offset, part.iov_len);
    offset -= skipped;
    part.iov_base = static_cast<char*>(part.iov_base) + skipped;
    part.iov_len = std::min(part.iov_len - skipped, count);
    count -= part.iov_len;
    if (part.iov_len > 0) cut.push_back(part);
  }
  return cut;
}

std::int64_t read_message(Gate& gate, const Call& call, std::uint64_t address, RemoteMessage& message) {
  message.address = address;
  if (!gate.read(call, address, &message.header, sizeof(message.header))) return -EFAULT;
  msghdr& header = message.header;
  if (header.msg_name == nullptr) header.msg_namelen = 0;
  if (static_cast<int>(header.msg_namelen) < 0) return -EINVAL;
  header.msg_namelen = std::min<socklen_t>(header.msg_namelen, sizeof(sockaddr_storage));
  if (header.msg_iovlen > kPartsMax) return -EMSGSIZE;
  message.parts.resize(header.msg_iovlen);
  if (message.parts.empty()) return 0;
  auto list = reinterpret_cast<std::uint64_t>(header.msg_iov);
  if (!gate.read(call, list, message.parts.data(), message.parts.size() * sizeof(iovec))) return -EFAULT;
  for (const iovec& part : message.parts)
    if (part.iov_len > static_cast<std::size_t>(SSIZE_MAX)) return -EINVAL;
  return 0;
}

RemoteMessage plain_message(std::uint64_t buffer, std::uint64_t size) {
  RemoteMessage message;
  message.parts.push_back({reinterpret_cast<void*>(buffer), std::min<std::uint64_t>(size, kRoomMax)});
  return message;
}

std::int64_t read_data(Gate& gate, const Call& call, const RemoteMessage& message, std::size_t offset,
                       std::size_t limit, std::string& data) {
  std::size_t room = message.room();
  data.resize(std::min(room - std::min(offset, room), limit));
  if (data.empty()) return 0;
  auto parts = message.slice(offset, data.size());
  bool read = Tasks::gather(call.trapped.tid, parts, {data.data(), data.size()});
  return read && gate.notifier.is_valid(call.trapped.id) ? 0 : -EFAULT;
}

std::int64_t write_data(Gate& gate, const Call& call, const RemoteMessage& message, std::string_view data) {
  if (data.empty()) return 0;
  auto parts = message.slice(0, data.size());
  if (!gate.notifier.is_valid(call.trapped.id)) return -EFAULT;
  return Tasks::scatter(call.trapped.tid, parts, {data.data(), data.size()}) ? 0 : -EFAULT;
}

std::int64_t write_header(Gate& gate, const Call& call, const RemoteMessage& message,
                          const Received& received, int call_flags) {
  const msghdr& header = message.header;
  std::uint32_t flags = received.flags | (static_cast<std::uint32_t>(call_flags) & MSG_CMSG_CLOEXEC);
  if (header.msg_name != nullptr) {
    std::size_t count = std::min<std::size_t>(received.name.size(), header.msg_namelen);
    auto name = reinterpret_cast<std::uint64_t>(header.msg_name);
    if (count > 0 && !gate.write(call, name, received.name.data(), count)) return -EFAULT;
    auto length = static_cast<socklen_t>(received.name.size());
    if (!gate.write(call, message.address + offsetof(msghdr, msg_namelen), &length, sizeof(length)))
      return -EFAULT;
  }
  bool truncated = false;
  std::size_t room =
      header.msg_control == nullptr ? 0 : std::min<std::size_t>(header.msg_controllen, kControlMax);
  std::size_t control = fitting(received.control, room, truncated);
  if (truncated) flags |= MSG_CTRUNC;
  auto target = reinterpret_cast<std::uint64_t>(header.msg_control);
  if (control > 0 && !gate.write(call, target, received.control.data(), control)) return -EFAULT;
  bool written =
      gate.write(call, message.address + offsetof(msghdr, msg_controllen), &control, sizeof(control)) &&
      gate.write(call, message.address + offsetof(msghdr, msg_flags), &flags, sizeof(flags));
  return written ? 0 : -EFAULT;
}

}  // namespace sockeye::gate

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/notifier.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

namespace sockeye::gate {

Notifier::Notifier(UniqueFd listener) : listener_(std::move(listener)) {
  // The caller goes to sleep as it wakes us, so its CPU is the one to run on. The sooner we have a call, the
  // smaller is the time in which a signal ends it with EINTR.
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
  constexpr std::uint64_t kSyncWakeUp = 1;
  (void)ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, kSyncWakeUp);  // Linux 6.6
}

std::optional<Trapped> Notifier::receive() {
  // Longer than the struct, for kernels whose struct is; what is behind ours is of no use to us.
  alignas(seccomp_notif) unsigned char room[512] = {};
  if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, room) != 0) return std::nullopt;
  seccomp_notif notification;
  std::memcpy(&notification, room, sizeof(notification));
  Trapped call;
  call.id = notification.id;
  call.tid = static_cast<pid_t>(notification.pid);
  call.number = notification.data.nr;
  for (int i = 0; i < 6; ++i) call.argument[i] = notification.data.args[i];
  return call;
}

bool Notifier::is_valid(std::uint64_t id) const {
  return ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool Notifier::answer(std::uint64_t id, std::int64_t result) {
  seccomp_notif_resp response{};
  response.id = id;
  if (result < 0)
    response.error = static_cast<std::int32_t>(result);
  else
    response.val = result;
  return ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

bool Notifier::let_kernel_do(std::uint64_t id) {
  seccomp_notif_resp response{};
  response.id = id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

int Notifier::answer_with_descriptor(std::uint64_t id, int fd, bool close_on_exec) {
  seccomp_notif_addfd add{};
  add.id = id;
  add.flags = SECCOMP_ADDFD_FLAG_SEND;
  add.srcfd = static_cast<std::uint32_t>(fd);
  add.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
  int number = ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &add);
  return number >= 0 ? number : -errno;
}

int Notifier::replace_descriptor(std::uint64_t id, int fd, int number, bool close_on_exec) {
  seccomp_notif_addfd add{};
  add.id = id;
  add.flags = SECCOMP_ADDFD_FLAG_SETFD;
  add.srcfd = static_cast<std::uint32_t>(fd);
  add.newfd = static_cast<std::uint32_t>(number);
  add.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
  return ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0 ? 0 : -errno;
}

}  // namespace sockeye::gate

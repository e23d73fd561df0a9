// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Who handles a call, and what becomes of calls on sockets that are not the world's.
#include "gate/calls.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace sockeye::gate {

namespace {

// Services of the machine that would resolve names on the host's network for the program (D4).
constexpr std::array<std::string_view, 6> kHostResolvers = {"/var/run/nscd/socket",
                                                            "/run/nscd/socket",
                                                            "/run/systemd/resolve/io.systemd.Resolve",
                                                            "/run/systemd/resolve/io.systemd.Resolve.Monitor",
                                                            "/var/run/avahi-daemon/socket",
                                                            "/run/avahi-daemon/socket"};

bool leads_to_host_resolver(Gate& gate, const Call& call) {
  sockaddr_un address{};
  std::uint64_t length = call.argument(2);
  if (length < offsetof(sockaddr_un, sun_path) || length > sizeof(address)) return false;
  if (!gate.read(call, call.argument(1), &address, length) || address.sun_family != AF_UNIX) return false;
  std::string_view path(address.sun_path,
                        strnlen(address.sun_path, length - offsetof(sockaddr_un, sun_path)));
  return std::find(kHostResolvers.begin(), kHostResolvers.end(), path) != kHostResolvers.end();
}

// Calls that would open a way to the host's network on a socket that was there before us.
bool reaches_out(int number) {
  switch (number) {
    case __NR_connect:
    case __NR_bind:
    case __NR_listen:
    case __NR_accept:
    case __NR_accept4:
    case __NR_sendto:
    case __NR_sendmsg:
    case __NR_sendmmsg:
      return true;
    default:
      return false;
  }
}

bool is_unix(const Call& call) {
  int domain = AF_UNIX;
  socklen_t length = sizeof(domain);
  return getsockopt(call.fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain == AF_UNIX;
}

// The time-out set on the carrier; zero: none.
Duration time_out_of(const Call& call, int option) {
  timeval limit{};
  socklen_t length = sizeof(limit);
  getsockopt(call.fd.get(), SOL_SOCKET, option, &limit, &length);
  return std::chrono::seconds(limit.tv_sec) + std::chrono::microseconds(limit.tv_usec);
}

}  // namespace

void park_unless_nonblocking(Gate& gate, Call& call, Request& request, int time_out_option) {
  if (gate.is_nonblocking(call)) {
    request.flags = Request::kNonBlocking;
    return;
  }
  call.restarts = time_out_of(call, time_out_option) == Duration::zero();
  call.parked = true;
}

void limit_wait(Call& call, int time_out_option, bool untouched) {
  const Duration time_out = time_out_of(call, time_out_option);
  call.restarts = time_out == Duration::zero() && untouched;
  if (time_out != Duration::zero() && call.deadline == kNever)
    call.deadline = world::EventLoop::read_clock() + time_out;
}

void on_ours(Gate& gate, CallPtr call) {
  switch (call->trapped.number) {
    case __NR_bind:
      return on_bind(gate, std::move(call));
    case __NR_listen:
      return on_listen(gate, std::move(call));
    case __NR_connect:
      return on_connect(gate, std::move(call));
    case __NR_shutdown:
      return on_shutdown(gate, std::move(call));
    case __NR_accept:
    case __NR_accept4:
      return on_accept(gate, std::move(call));
    case __NR_getsockname:
      return on_local_name(gate, std::move(call));
    case __NR_getpeername:
      return on_peer_name(gate, std::move(call));
    case __NR_setsockopt:
      return on_set_option(gate, std::move(call));
    case __NR_getsockopt:
      return on_get_option(gate, std::move(call));
    case __NR_ioctl:
      return on_control(gate, std::move(call));
    case __NR_sendto:
      return on_send_to(gate, std::move(call));
    case __NR_sendmsg:
      return on_send_message(gate, std::move(call));
    case __NR_sendmmsg:
      return on_send_messages(gate, std::move(call));
    case __NR_recvfrom:
      return on_receive_from(gate, std::move(call));
    case __NR_recvmsg:
      return on_receive_message(gate, std::move(call));
    case __NR_recvmmsg:
      return on_receive_messages(gate, std::move(call));
    default:
      return gate.answer(std::move(call), -ENOSYS);
  }
}

void on_foreign(Gate& gate, CallPtr call) {
  if (is_unix(*call)) {
    if (call->trapped.number == __NR_connect && leads_to_host_resolver(gate, *call))
      return gate.answer(std::move(call), -ENOENT);
    return gate.let_kernel_do(std::move(call));
  }
  if (!reaches_out(call->trapped.number)) return gate.let_kernel_do(std::move(call));
  gate.report.refused("use of a socket of the host's network", EACCES);
  gate.answer(std::move(call), -EACCES);
}

std::int64_t read_address(Gate& gate, const Call& call, std::uint64_t address, std::int64_t length,
                          std::string& bytes) {
  if (length < 0 || length > static_cast<std::int64_t>(sizeof(sockaddr_storage))) return -EINVAL;
  bytes.resize(static_cast<std::size_t>(length));
  if (!bytes.empty() && !gate.read(call, address, bytes.data(), bytes.size())) return -EFAULT;
  return 0;
}

std::int64_t write_address(Gate& gate, const Call& call, std::uint64_t address, std::uint64_t length_address,
                           std::string_view bytes) {
  std::int32_t room = 0;
  if (!gate.read(call, length_address, &room, sizeof(room))) return -EFAULT;
  if (room < 0) return -EINVAL;
  std::size_t count = std::min(bytes.size(), static_cast<std::size_t>(room));
  auto length = static_cast<std::int32_t>(bytes.size());
  if (count > 0 && !gate.write(call, address, bytes.data(), count)) return -EFAULT;
  return gate.write(call, length_address, &length, sizeof(length)) ? 0 : -EFAULT;
}

}  // namespace sockeye::gate

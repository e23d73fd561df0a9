// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The kernel in a user and network namespace of its own, behind a TUN device. What it answers is complete
// when it has answered an echo request that was sent behind the segment: packets of one device are
// processed in order on the one CPU that we stay on, so nothing here waits for time to pass.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

#include "core/bytes.h"
#include "stack/segment_matrix_subject.h"
#include "tcp/state.h"
#include "wire/ipv4.h"

namespace sockeye::matrix {
namespace {

constexpr int kPatienceMs = 10'000;

sockaddr_in address_of(const IpAddress& address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(address.to_v4());
  return out;
}

bool write_file(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return done;
}

std::string enter_namespaces() {
  const auto user = getuid();
  const auto group = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "no user and network namespace";
  write_file("/proc/self/setgroups", "deny");
  if (!write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1") ||
      !write_file("/proc/self/gid_map", "0 " + std::to_string(group) + " 1"))
    return "the user namespace takes no mapping";
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<std::size_t>(std::max(sched_getcpu(), 0)), &here);
  if (sched_setaffinity(0, sizeof here, &here) != 0) return "cannot stay on one CPU";
  return {};
}

// Limits would make answers depend on time. What a kernel does not have it does not limit.
void lift_limits() {
  const std::string base = "/proc/sys/net/ipv4/";
  for (const char* setting :
       {"tcp_challenge_ack_limit 1000000", "tcp_invalid_ratelimit 0", "tcp_syncookies 0", "tcp_ecn 0",
        "tcp_max_syn_backlog 8192", "conf/all/rp_filter 0", "conf/default/rp_filter 0", "icmp_ratelimit 0",
        "ip_local_port_range 2000 60000"}) {
    const std::string line = setting;
    const auto space = line.find(' ');
    (void)write_file(base + line.substr(0, space), line.substr(space + 1));
  }
  (void)write_file("/proc/sys/net/core/somaxconn", "8192");
}

int open_tun() {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -1;
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strcpy(request.ifr_name, "tun0");
  bool is_up = ioctl(fd, TUNSETIFF, &request) == 0;
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = address_of(kHost, 0);
  std::memcpy(&request.ifr_addr, &address, sizeof address);
  is_up = is_up && ioctl(control, SIOCSIFADDR, &request) == 0;
  const sockaddr_in mask = address_of(IpAddress::v4(255, 255, 255, 0), 0);
  std::memcpy(&request.ifr_netmask, &mask, sizeof mask);
  is_up = is_up && ioctl(control, SIOCSIFNETMASK, &request) == 0;
  request.ifr_flags = IFF_UP;
  is_up = is_up && ioctl(control, SIOCSIFFLAGS, &request) == 0;
  close(control);
  if (is_up) return fd;
  close(fd);
  return -1;
}

class KernelHost final : public Subject {
 public:
  KernelHost(int tun, int listener) : tun_(tun), listener_(listener) {}
  ~KernelHost() override {
    close(listener_);
    close(tun_);
  }

  std::vector<tcp::Segment> exchange(const tcp::Segment& segment) override {
    inject(packet_of(segment, kPeer, kHost));
    return sent();
  }
  int connect(std::uint16_t peer_port) override {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sockaddr_in to = address_of(kPeer, peer_port);
    (void)::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    return fd;
  }
  int accept() override { return accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }
  void shutdown_write(int handle) override { (void)shutdown(handle, SHUT_WR); }
  void abort(int handle) override {
    const linger zero{1, 0};
    (void)setsockopt(handle, SOL_SOCKET, SO_LINGER, &zero, sizeof zero);
    close(handle);
    (void)sent();
  }
  int error(int handle) override {
    int value = 0;
    socklen_t size = sizeof value;
    (void)getsockopt(handle, SOL_SOCKET, SO_ERROR, &value, &size);
    return value;
  }
  int readable(int handle) override {
    int value = -1;
    (void)ioctl(handle, FIONREAD, &value);
    return value;
  }
  std::vector<tcp::Segment> sent() override {
    inject(echo_request());
    std::vector<PacketBytes> packets;
    for (;;) {
      PacketBytes bytes(2048);
      const ssize_t got = read(tun_, bytes.data(), bytes.size());
      if (got < 0) {
        pollfd waiting{tun_, POLLIN, 0};
        if (poll(&waiting, 1, kPatienceMs) <= 0) std::_Exit(1);  // the test says that the kernel went silent
        continue;
      }
      bytes.resize(static_cast<std::size_t>(got));
      if (is_echo_reply(bytes)) return segments_in(packets);
      packets.push_back(std::move(bytes));
    }
  }
  void read_end(int handle) override {
    char end = 0;
    (void)recv(handle, &end, 1, MSG_DONTWAIT);
    const int on = 1;
    (void)setsockopt(handle, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  }
  std::string state(int handle, std::uint16_t host_port, std::uint16_t peer_port) override {
    tcp_info info{};
    socklen_t size = sizeof info;
    constexpr unsigned kClosed = 7;  // also what the socket of a connection in TIME_WAIT says
    if (handle >= 0 && getsockopt(handle, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
        info.tcpi_state != kClosed)
      return std::string(name_of_kernel_state(info.tcpi_state));
    char host[32];
    char peer[32];
    std::snprintf(host, sizeof host, ":%04X", host_port);
    std::snprintf(peer, sizeof peer, ":%04X", peer_port);
    std::ifstream table("/proc/self/net/tcp");
    std::string number;
    std::string local;
    std::string remote;
    unsigned state = 0;
    for (std::string line; std::getline(table, line);) {
      std::istringstream fields(line);
      if (!(fields >> number >> local >> remote >> std::hex >> state)) continue;
      if (local.substr(8) == host && remote.substr(8) == peer)
        return std::string(name_of_kernel_state(state));
    }
    return "CLOSED";
  }
  std::string drops() override { return {}; }

 private:
  static std::string_view name_of_kernel_state(unsigned state) {
    using tcp::State;
    constexpr State kStates[] = {State::closed,     State::established, State::syn_sent,  State::syn_received,
                                 State::fin_wait_1, State::fin_wait_2,  State::time_wait, State::closed,
                                 State::close_wait, State::last_ack,    State::listen,    State::closing};
    return name_of(state == 12 ? State::syn_received : state < 12 ? kStates[state] : State::closed);
  }
  void inject(const PacketBytes& bytes) {
    if (write(tun_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::_Exit(1);
  }
  PacketBytes echo_request() {
    PacketBytes bytes(kIpv4HeaderMin + 8);
    Ipv4Header ip;
    ip.protocol = IPPROTO_ICMP;
    ip.source = kPeer;
    ip.destination = kHost;
    ip.total_bytes = static_cast<std::uint16_t>(bytes.size());
    emit_ipv4(ip, MutableBytes(bytes).first(kIpv4HeaderMin));
    std::byte* const icmp = bytes.data() + kIpv4HeaderMin;
    icmp[0] = std::byte{8};
    store16(icmp + 6, ++echo_);
    const std::uint32_t sum = 0x0800u + echo_;
    store16(icmp + 2, static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16))));
    return bytes;
  }
  bool is_echo_reply(const PacketBytes& bytes) const {
    return bytes.size() >= 28 && load8(bytes.data()) >> 4 == 4 && load8(bytes.data() + 9) == IPPROTO_ICMP &&
           load8(bytes.data() + 20) == 0 && load16(bytes.data() + 26) == echo_;
  }

  int tun_;
  int listener_;
  std::uint16_t echo_ = 0;
};

}  // namespace

std::unique_ptr<Subject> kernel_host(std::string& why) {
  why = enter_namespaces();
  if (!why.empty()) return nullptr;
  lift_limits();
  const int tun = open_tun();
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_in here = address_of(kHost, kListenPort);
  if (tun < 0 || listener < 0 || bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
      listen(listener, 4096) != 0) {
    why = "no TUN device, or no socket behind it";
    return nullptr;
  }
  return std::make_unique<KernelHost>(tun, listener);
}

}  // namespace sockeye::matrix

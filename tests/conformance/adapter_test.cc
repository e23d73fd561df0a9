// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Every function of the table that packetdrill gets, in virtual time, and what is preloaded.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "conformance/driver.h"

namespace sockeye {
namespace {

using Adapter = PacketdrillDriver;

TcpHeader ack_of(std::uint32_t seq, std::uint32_t ack) {
  TcpHeader tcp;
  tcp.flags.ack = true;
  tcp.seq = SeqNum(seq);
  tcp.ack = SeqNum(ack);
  tcp.window = 32792;
  return tcp;
}

TEST_F(Adapter, FillsEveryPointer) {
  const auto* words = reinterpret_cast<void* const*>(&calls_);
  constexpr std::size_t kMembers = 33;
  static_assert(sizeof calls_ == kMembers * sizeof(void*));
  for (std::size_t i = 0; i < kMembers; ++i) EXPECT_NE(words[i], nullptr) << "member " << i;
}

TEST_F(Adapter, SleepsInNoTimeAndArrivesWhereTheScriptWantsToBe) {
  const long long begin = now_us();
  EXPECT_EQ(calls_.usleep(user_, 3'600'000'000u - 20), 0);  // packetdrill sleeps 20 us less and spins
  EXPECT_EQ(now_us() - begin, 3'600'000'000);
}

TEST_F(Adapter, AClockThatIsOnlyReadMovesOn) {
  const long long begin = now_us();
  int readings = 0;
  while (now_us() < begin + 250 && readings < 10'000) ++readings;
  EXPECT_LT(readings, 300);
}

TEST_F(Adapter, ConnectsAndRepeatsTheSynInVirtualTime) {
  const int fd = calls_.socket(user_, AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(fd, 1'000'000) << "apart from the process's own descriptors";
  EXPECT_EQ(calls_.fcntl(user_, fd, F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(calls_.fcntl(user_, fd, F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK);
  const int result = with(address("192.0.2.1", kPeerPort), [&](const sockaddr* to, socklen_t size) {
    return calls_.connect(user_, fd, to, size);
  });
  EXPECT_EQ(result, -1);
  EXPECT_EQ(errno, EINPROGRESS);
  const WirePacket first = next();
  EXPECT_TRUE(first.tcp.flags.syn);
  const WirePacket second = next();
  EXPECT_EQ(second.at_us - first.at_us, 1'000'000);
  EXPECT_EQ(calls_.close(user_, fd), 0);
  EXPECT_EQ(calls_.close(user_, fd), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(Adapter, WritesWholeSegmentsAsADeviceWithTsoTakesThem) {
  const int fd = accept_one();
  std::vector<char> data(4000);
  EXPECT_EQ(calls_.write(user_, fd, data.data(), data.size()), 4000);
  EXPECT_EQ(next().payload_bytes, 4000u);
}

TEST_F(Adapter, CutsWhereTsoIsOff) {
  open("ip=192.168.0.1/16,mtu=1500,tso=0,seed=3");
  const int fd = accept_one();
  std::vector<char> data(4000);
  EXPECT_EQ(calls_.write(user_, fd, data.data(), data.size()), 4000);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(next().payload_bytes, 1000u);
}

TEST_F(Adapter, SendsByEveryCall) {
  const int fd = accept_one();
  char byte[5] = "abcd";
  iovec parts[2] = {{byte, 2}, {byte, 2}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const int on = 1;
  EXPECT_EQ(calls_.setsockopt(user_, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  EXPECT_EQ(calls_.writev(user_, fd, parts, 2), 4);
  EXPECT_EQ(calls_.send(user_, fd, byte, 4, 0), 4);
  EXPECT_EQ(calls_.sendto(user_, fd, byte, 4, 0, nullptr, 0), 4);
  EXPECT_EQ(calls_.sendmsg(user_, fd, &message, 0), 4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    const WirePacket packet = next();
    EXPECT_EQ(packet.payload_bytes, 4u);
    EXPECT_EQ(packet.tcp.seq.value(), ours_ + 4 * i);
  }
}

TEST_F(Adapter, ReceivesByEveryCall) {
  const int fd = accept_one();
  ASSERT_EQ(deliver(ack_of(1, ours_), 10), 0);
  int waiting = 0;
  EXPECT_EQ(calls_.ioctl(user_, fd, FIONREAD, &waiting), 0);
  EXPECT_EQ(waiting, 10);
  char room[2];
  iovec part{room, sizeof room};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(calls_.read(user_, fd, room, 2), 2);
  EXPECT_EQ(calls_.readv(user_, fd, &part, 1), 2);
  EXPECT_EQ(calls_.recv(user_, fd, room, 2, 0), 2);
  EXPECT_EQ(calls_.recvfrom(user_, fd, room, 2, 0, nullptr, nullptr), 2);
  EXPECT_EQ(calls_.recvmsg(user_, fd, &message, 0), 2);
  EXPECT_EQ(calls_.recv(user_, fd, room, 2, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(Adapter, PollAndEpollSeeData) {
  const int fd = accept_one();
  pollfd entries[2] = {{fd, POLLIN, 0}, {77, POLLIN, 0}};
  EXPECT_EQ(calls_.poll(user_, entries, 1, 0), 0);
  const long long begin = now_us();
  EXPECT_EQ(calls_.poll(user_, entries, 1, 1000), 0);
  EXPECT_EQ(now_us() - begin, 1'000'000);
  const int set = calls_.epoll_create(user_, 1);
  ASSERT_GE(set, 1'000'000);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  EXPECT_EQ(calls_.epoll_ctl(user_, set, EPOLL_CTL_ADD, fd, &event), 0);
  ASSERT_EQ(deliver(ack_of(1, ours_), 10), 0);
  EXPECT_EQ(calls_.poll(user_, entries, 2, 0), 2);
  EXPECT_EQ(entries[0].revents, POLLIN);
  EXPECT_EQ(entries[1].revents, POLLNVAL) << "not one of ours";
  epoll_event seen{};
  EXPECT_EQ(calls_.epoll_wait(user_, set, &seen, 1, 0), 1);
  EXPECT_EQ(seen.data.fd, fd);
}

TEST_F(Adapter, ShutdownSaysFin) {
  const int fd = accept_one();
  EXPECT_EQ(calls_.shutdown(user_, fd, SHUT_WR), 0);
  EXPECT_TRUE(next().tcp.flags.fin);
}

TEST_F(Adapter, SplicesThroughAPipe) {
  const int fd = accept_one();
  ASSERT_EQ(deliver(ack_of(1, ours_), 10), 0);
  int ends[2];
  ASSERT_EQ(calls_.pipe(user_, ends), 0);
  EXPECT_EQ(next().payload_bytes, 0u);  // the ACK
  EXPECT_EQ(calls_.splice(user_, fd, nullptr, ends[1], nullptr, 10, 0), 10);
  EXPECT_EQ(calls_.splice(user_, ends[0], nullptr, fd, nullptr, 100, 0), 10);
  EXPECT_EQ(next().payload_bytes, 10u);
  EXPECT_EQ(calls_.close(user_, ends[0]), 0);
  EXPECT_EQ(calls_.close(user_, ends[1]), 0);
}

TEST_F(Adapter, NothingMoreWillComeIsAnEmptyPacket) {
  std::array<std::byte, 100> room;
  std::size_t size = room.size();
  long long at = 0;
  EXPECT_EQ(calls_.netdev_receive(user_, room.data(), &size, &at), 0);
  EXPECT_EQ(size, 0u);
}

// The end of a blocked call is the moment when what it waited for happened, however late its thread runs.
TEST_F(Adapter, ACallThatBlocksInASecondThreadEndsInTimeOfTheScript) {
  const int fd = accept_one();
  const long long begin = now_us();
  std::atomic<pid_t> reader_id = 0;
  long long end = 0;
  ssize_t got = 0;
  std::thread reader([&] {
    reader_id = ::gettid();
    char room[100];
    got = calls_.read(user_, fd, room, sizeof room);
    end = now_us();
  });
  // As packetdrill does: on with the script when the thread sleeps in the kernel.
  for (char state = 'R'; state != 'S';) {
    if (reader_id == 0) continue;
    std::ifstream stat("/proc/self/task/" + std::to_string(reader_id) + "/stat");
    std::string line;
    std::getline(stat, line);
    state = line.at(line.rfind(')') + 2);
  }
  calls_.usleep(user_, 100'000 - 20);
  ASSERT_EQ(deliver(ack_of(1, ours_), 10), 0);
  calls_.usleep(user_, 500'000 - 20);
  reader.join();
  EXPECT_EQ(got, 10);
  EXPECT_EQ(end - begin, 100'000);
}

TEST_F(Adapter, PreloadedGetsockoptKnowsItsOwnDescriptors) {
  const auto get = symbol<decltype(&::getsockopt)>("getsockopt");
  const int fd = accept_one();
  std::vector<unsigned char> info(4096, 0xff);
  auto size = static_cast<socklen_t>(info.size());
  EXPECT_EQ(get(fd, IPPROTO_TCP, TCP_INFO, info.data(), &size), 0);
  EXPECT_EQ(size, info.size()) << "what a newer kernel would fill reads as zero";
  EXPECT_EQ(info.back(), 0);
  EXPECT_EQ(info.front(), TCP_ESTABLISHED);
  size = 100;
  EXPECT_EQ(get(fd, IPPROTO_TCP, TCP_CC_INFO, info.data(), &size), 0);
  size = 36;
  EXPECT_EQ(get(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &size), 0);
  EXPECT_EQ(size, 36u);
  const int kernel = ::socket(AF_INET, SOCK_STREAM, 0);
  int type = 0;
  size = sizeof type;
  EXPECT_EQ(get(kernel, SOL_SOCKET, SO_TYPE, &type, &size), 0);
  EXPECT_EQ(type, SOCK_STREAM);
  EXPECT_EQ(symbol<decltype(&::close)>("close")(kernel), 0);
  EXPECT_EQ(symbol<decltype(&::close)>("close")(fd), 0);
}

int shell(const std::string& command) {
  return std::system(("PATH=" PACKETDRILL_COMMANDS ":$PATH; " + command + " >/dev/null 2>&1").c_str());
}

TEST_F(Adapter, TsoCanBeSwitchedOff) {
  const int fd = accept_one();
  EXPECT_EQ(shell("ethtool -K tun0 tso off gso off"), 0);
  std::vector<char> data(2000);
  EXPECT_EQ(calls_.write(user_, fd, data.data(), data.size()), 2000);
  const WirePacket first = next(), second = next();
  EXPECT_EQ(first.payload_bytes, 1000u);
  EXPECT_FALSE(first.tcp.flags.psh);
  EXPECT_EQ(second.payload_bytes, 1000u);
  EXPECT_TRUE(second.tcp.flags.psh) << "as the kernel's: cut behind TCP, which made one packet";
  EXPECT_EQ(shell("ethtool -K tun0 tso on"), 0);
  EXPECT_EQ(calls_.write(user_, fd, data.data(), data.size()), 2000);
  EXPECT_EQ(next().payload_bytes, 2000u);
}

TEST_F(Adapter, ProcNetTcpIsTheStacks) {
  accept_one();
  EXPECT_EQ(shell("grep ' 0A ' /proc/net/tcp /proc/net/tcp6 | grep -q '0100A8C0:1F90 00000000:0000 0A'"), 0);
  EXPECT_EQ(shell("grep -q '0100A8C0:1F90 010200C0:9C40 01' /proc/net/tcp"), 0);
  EXPECT_NE(shell("grep -q '1F90' /proc/net/tcp6"), 0);
}

TEST_F(Adapter, ShellCommandsOfAScriptReachTheStack) {
  EXPECT_EQ(shell("sysctl -q net.ipv4.tcp_timestamps=0 net.ipv4.tcp_rmem='4096 50000 60000'"), 0);
  EXPECT_EQ(shell("test \"$(sysctl -n net.ipv4.tcp_timestamps)\" = 0"), 0);
  EXPECT_NE(shell("sysctl -q net.ipv4.tcp_no_such_thing=1"), 0);
  EXPECT_NE(shell("sysctl -q net.ipv4.tcp_sack=2"), 0);
  EXPECT_EQ(shell("ip tcp_metrics flush all && tc qdisc add dev tun0 root pfifo"), 0);
  EXPECT_NE(shell("ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600"), 0);
  EXPECT_NE(shell("tc qdisc replace dev tun0 root fq"), 0) << "what is not there is refused";
  EXPECT_NE(shell("ethtool -K tun0 rx off"), 0);
  ::setenv("PACKETDRILL_PID", "adapter_test", 1);
  EXPECT_EQ(shell("set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0"), 0);
  EXPECT_EQ(shell("test \"$(sysctl -n net.ipv4.tcp_sack)\" = 0"), 0);
  EXPECT_EQ(shell("/tmp/sysctl_restore_adapter_test.sh"), 0);
  EXPECT_EQ(shell("test \"$(sysctl -n net.ipv4.tcp_sack)\" = 1"), 0);
}

}  // namespace
}  // namespace sockeye

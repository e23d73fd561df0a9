// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// SO_MAX_PACING_RATE, TCP_CONGESTION and TCP_CC_INFO as programs call them, and the rate on a link.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket/tcp_info.h"
#include "stack/two_hosts.h"

namespace sockeye {
namespace {

std::string hex(const unsigned char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

class Pacing : public TwoHosts {
 protected:
  // After setting `value` (empty: nothing was set): the answer, and the option in 2, 4, 8 and 16 bytes.
  std::string ours(const std::string& value) {
    SocketRef s = left.tcp();
    std::string log;
    if (!value.empty()) {
      const auto done = s->set_option(SOL_SOCKET, SO_MAX_PACING_RATE, std::as_bytes(std::span(value)));
      log = done ? "ok" : std::string(name_of(done.error()));
    }
    for (const std::size_t room : {2u, 4u, 8u, 16u}) {
      unsigned char out[16] = {};
      const auto got =
          s->get_option(SOL_SOCKET, SO_MAX_PACING_RATE, std::as_writable_bytes(std::span(out, room)));
      log += ' ' + (got ? hex(out, *got) : std::string(name_of(got.error())));
    }
    s->close();
    return log;
  }
  static std::string kernels(const std::string& value) {
    const int s = ::socket(AF_INET, SOCK_STREAM, 0);
    std::string log;
    if (!value.empty()) {
      const int done =
          ::setsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, value.data(), static_cast<socklen_t>(value.size()));
      log = done == 0 ? "ok" : std::string(name_of(static_cast<Errno>(errno)));
    }
    for (const std::size_t room : {2u, 4u, 8u, 16u}) {
      unsigned char out[16] = {};
      auto size = static_cast<socklen_t>(room);
      const int got = ::getsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, out, &size);
      log += ' ' + (got == 0 ? hex(out, size) : std::string(name_of(static_cast<Errno>(errno))));
    }
    ::close(s);
    return log;
  }
};

TEST_F(Pacing, TheOptionAnswersAsTheKernel) {
  using namespace std::string_literals;
  for (const std::string& value :
       {""s, "\xa0\x86\x01\0"s, "\0\0\0\0\2\0\0\0"s, "\xff\xff\xff\xff"s, "\0\0\0\0"s, "\1\0\0"s,
        "\1\0\0\0\0"s, "\xff\xff\xff\xff\xff\xff\xff\xff"s, "\1\0\0\0\2\0\0\0\0\0\0\0"s})
    EXPECT_EQ(ours(value), kernels(value))
        << hex(reinterpret_cast<const unsigned char*>(value.data()), value.size());
}

TEST_F(Pacing, DatagramsAreNotPaced) {
  SocketRef s = left.udp();
  const std::uint32_t rate = 1000;
  EXPECT_EQ(s->set_option(SOL_SOCKET, SO_MAX_PACING_RATE, std::as_bytes(std::span(&rate, 1))).error(),
            Errno::noprotoopt);
  s->close();
}

// 200 kB at 100 kB/s over a link without a rate: two seconds, less the first quantum.
TEST_F(Pacing, TheRateHoldsOnALink) {
  SocketRef listening = right.listener(at("10.0.0.2", 80));
  SocketRef client = left.tcp();
  const std::uint32_t rate = 100'000;
  ASSERT_TRUE(client->set_option(SOL_SOCKET, SO_MAX_PACING_RATE, std::as_bytes(std::span(&rate, 1))));
  EXPECT_EQ(client->connect(at("10.0.0.2", 80)).error(), Errno::inprogress);
  settle();
  SocketRef server = *listening->accept();
  std::size_t sent = 0, received = 0;
  const std::string data(200'000, 'x');
  const Instant begin = now;
  while (received < data.size() && now - begin < 10s) {
    if (const auto taken = send(client, std::string_view(data).substr(sent)); taken) sent += *taken;
    run(10ms);
    const std::string got = receive(server, 1 << 20);
    if (got.front() != 'x') continue;
    received += got.size();
    const auto ms = static_cast<std::size_t>(to_ms(now - begin));
    EXPECT_LE(received, ms * 100 + 2 * 65536);
  }
  EXPECT_EQ(received, data.size());
  EXPECT_GT(now - begin, 1500ms);
  EXPECT_LT(now - begin, 2100ms);
  for (SocketRef* s : {&client, &server, &listening}) (*s)->close();
  settle();
}

TEST_F(Pacing, BbrByNameAndItsModel) {
  SocketRef listening = right.listener(at("10.0.0.2", 80));
  SocketRef client = left.tcp();
  ASSERT_TRUE(client->set_option(IPPROTO_TCP, TCP_CONGESTION, std::as_bytes(std::span("bbr", 3))));
  LinuxBbrInfo info;
  const auto room = std::as_writable_bytes(std::span(&info, 1));
  EXPECT_EQ(*client->get_option(IPPROTO_TCP, TCP_CC_INFO, room), 20u);
  EXPECT_EQ(info.pacing_gain, 0u) << "no connection, no model: zeros, as the kernel says";
  EXPECT_EQ(client->connect(at("10.0.0.2", 80)).error(), Errno::inprogress);
  settle();
  EXPECT_EQ(*client->get_option(IPPROTO_TCP, TCP_CC_INFO, room), 20u);
  EXPECT_EQ(info.min_rtt, 0xffffffffu);
  EXPECT_EQ(info.pacing_gain, 277u * 256 / 100);
  ASSERT_TRUE(client->set_option(IPPROTO_TCP, TCP_CONGESTION, std::as_bytes(std::span("reno", 4))));
  EXPECT_EQ(*client->get_option(IPPROTO_TCP, TCP_CC_INFO, room), 0u);
  EXPECT_EQ(client->set_option(IPPROTO_TCP, TCP_CONGESTION, std::as_bytes(std::span("vegas", 5))).error(),
            Errno::noent);
  client->close();
  listening->close();
  settle();
}

}  // namespace
}  // namespace sockeye

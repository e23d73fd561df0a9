// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "link/pipe.h"
#include "packet/transport_checksum.h"
#include "stack/segment_matrix_subject.h"
#include "stack/stack.h"
#include "wire/ipv4.h"

namespace sockeye::matrix {
namespace {

PacketPool& shared_pool() {
  static PacketPool pool;
  return pool;
}

class SockeyeHost final : public Subject {
 public:
  SockeyeHost() : stack_(StackConfig{}, pool_, secret_, open_) {
    stack_.set_privileged(true);
    stack_.add_interface("eth0", pipe_.right(), {{kHost, 24}});
    listener_ = *stack_.socket(AF_INET, SOCK_STREAM, 0);
    (void)listener_->bind({kHost, kListenPort});
    (void)listener_->listen(4096);
  }
  ~SockeyeHost() override {
    for (SocketRef& socket : sockets_)
      if (socket) socket->close();
    listener_->close();
  }

  std::vector<tcp::Segment> exchange(const tcp::Segment& segment) override {
    PacketList packets;
    packets.push_back(pool_.from_bytes(packet_of(segment, kPeer, kHost)));
    pipe_.left().transmit(now_, packets);
    return sent();
  }
  int connect(std::uint16_t peer_port) override {
    SocketRef socket = *stack_.socket(AF_INET, SOCK_STREAM, 0);
    (void)socket->connect(Endpoint{kPeer, peer_port});
    return keep(std::move(socket));
  }
  int accept() override {
    auto socket = listener_->accept();
    return socket ? keep(std::move(*socket)) : -1;
  }
  void shutdown_write(int handle) override { (void)at(handle)->shutdown(SHUT_WR); }
  void abort(int handle) override {
    const linger zero{1, 0};
    (void)at(handle)->set_option(SOL_SOCKET, SO_LINGER,
                                 {reinterpret_cast<const std::byte*>(&zero), sizeof zero});
    at(handle)->close();
    at(handle) = SocketRef();
    (void)sent();
  }
  int error(int handle) override {
    int value = 0;
    (void)at(handle)->get_option(SOL_SOCKET, SO_ERROR, {reinterpret_cast<std::byte*>(&value), sizeof value});
    return value;
  }
  int readable(int handle) override { return at(handle)->control(FIONREAD).value_or(-1); }
  std::vector<tcp::Segment> sent() override {
    for (int i = 0; i < 1000 && stack_.poll(now_) <= now_; ++i) {
    }
    PacketList packets;
    pipe_.left().receive(now_, packets, 1000);
    std::vector<PacketBytes> all;
    while (PacketPtr packet = packets.pop_front()) {
      all.emplace_back(packet->size());
      packet->serialize(all.back());
    }
    return segments_in(all);
  }
  void read_end(int handle) override {
    std::byte room[1];
    const MutableBytes bytes(room);
    Incoming message;
    message.buffers = {&bytes, 1};
    (void)at(handle)->receive(message);
  }
  std::string state(int /*handle*/, std::uint16_t host_port, std::uint16_t peer_port) override {
    // The socket of a connection in TIME_WAIT is closed itself; the record stands beside it.
    for (const SocketReport& line : stack_.report())
      if (line.is_stream && line.state != tcp::State::closed && line.local.port == host_port &&
          line.remote.port == peer_port)
        return std::string(tcp::name_of(line.state));
    return "CLOSED";
  }
  std::string drops() override {
    std::string text;
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      const auto reason = static_cast<Drop>(i);
      if (stack_.drops()[reason] == seen_[i]) continue;
      seen_[i] = stack_.drops()[reason];
      text += (text.empty() ? "" : " ") + std::string(name_of(reason));
    }
    return text;
  }

 private:
  int keep(SocketRef socket) {
    sockets_.push_back(std::move(socket));
    return static_cast<int>(sockets_.size()) - 1;
  }
  SocketRef& at(int handle) { return sockets_.at(static_cast<std::size_t>(handle)); }

  PacketPool pool_;
  SeededRng secret_{1};
  SeededRng open_{2};
  Pipe pipe_{{.mtu = 1500, .checksum_trusted = false}};
  Instant now_ = Instant{} + 1000s;
  Stack stack_;
  SocketRef listener_;
  std::vector<SocketRef> sockets_;
  std::array<std::uint64_t, kDropReasons> seen_{};
};

}  // namespace

PacketBytes packet_of(const tcp::Segment& segment, const IpAddress& from, const IpAddress& to) {
  const std::size_t header = kIpv4HeaderMin + tcp_emit_size(segment);
  PacketBytes bytes(header + segment.payload_bytes);
  Ipv4Header ip;
  ip.protocol = IPPROTO_TCP;
  ip.source = from;
  ip.destination = to;
  ip.total_bytes = static_cast<std::uint16_t>(bytes.size());
  emit_ipv4(ip, MutableBytes(bytes).first(kIpv4HeaderMin));
  emit_tcp(segment, MutableBytes(bytes).subspan(kIpv4HeaderMin, tcp_emit_size(segment)));
  PacketPtr packet = shared_pool().from_bytes(bytes);
  packet->front(static_cast<std::uint32_t>(header));
  fill_checksum(*packet);
  packet->serialize(bytes);
  return bytes;
}

std::vector<tcp::Segment> segments_in(const std::vector<PacketBytes>& packets) {
  std::vector<tcp::Segment> segments;
  for (const PacketBytes& bytes : packets) {
    if (bytes.size() < 40 || load8(bytes.data()) >> 4 != 4 || load8(bytes.data() + 9) != IPPROTO_TCP)
      continue;
    const Bytes whole = Bytes(bytes).subspan(ipv4_header_bytes(bytes));
    const std::uint32_t header = tcp_header_bytes(whole);
    if (header == 0 || header > whole.size()) continue;
    const auto parsed = parse_tcp(whole.first(header));
    if (!parsed) continue;
    tcp::Segment segment{*parsed};
    segment.payload_bytes = static_cast<std::uint32_t>(whole.size()) - header;
    segments.push_back(segment);
  }
  return segments;
}

std::unique_ptr<Subject> sockeye_host() {
  return std::make_unique<SockeyeHost>();
}

}  // namespace sockeye::matrix

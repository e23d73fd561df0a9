// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One stack at the end of a link whose other end is the fuzzer: what it sends is checked (a packet
// that we send must be one that we would accept), what it gets is the fuzzer's.
//
//     us    10.0.0.1, fd00::1       listening: TCP port 80 (both families), UDP port 53
//     them  10.0.0.2, fd00::2       and a TCP and a UDP socket of ours connected to their port 7
#pragma once

#include <cstdint>
#include <vector>

#include "link/link.h"
#include "stack/stack.h"
#include "wire/tcp.h"

namespace sockeye::fuzz {

// Reads choices off the front of the input; zeros when it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(std::as_bytes(std::span(data, size))) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t u8() { return bytes_.empty() ? std::uint8_t{0} : load8(take(1).data()); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(u8() << 8 | u8()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(u16()) << 16 | u16(); }
  Bytes bytes(std::size_t count) { return take(count < bytes_.size() ? count : bytes_.size()); }

 private:
  Bytes take(std::size_t count) {
    const Bytes head = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return head;
  }
  Bytes bytes_;
};

// What the peer knows of one TCP connection, from the stack's segments alone.
struct Peer {
  std::uint16_t port = 0;  // theirs
  std::uint16_t ours = 0;  // the stack's
  bool is_v6 = false;
  SeqNum sent{};   // one past the highest that the stack sent
  SeqNum acked{};  // what the stack expects next
  std::uint32_t timestamp = 0;
};

class FuzzLink final : public Link {
 public:
  LinkCapabilities capabilities() const override {
    return {.mtu = 1500, .largest_packet = 65535, .checksum_trusted = false};
  }
  void transmit(Instant now, PacketList& packets) override;
  void receive(Instant now, PacketList& packets, std::size_t limit) override;
  Instant next_arrival() const override { return inbound_.empty() ? kNever : Instant::min(); }
  void deliver(PacketPtr packet);

  std::vector<Peer>& peers() { return peers_; }
  Peer& peer(std::uint16_t theirs, std::uint16_t ours, bool is_v6);
  std::uint64_t sent_packets() const { return sent_; }

 private:
  void look_at(Packet& piece);
  PacketList inbound_;
  std::vector<Peer> peers_;
  std::uint64_t sent_ = 0;
};

class Harness {
 public:
  static constexpr std::uint16_t kListening = 80, kDatagrams = 53, kTheirs = 7, kOurs = 40000;

  Harness();
  ~Harness();
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  static IpAddress us(bool is_v6);
  static IpAddress them(bool is_v6);

  void deliver(Bytes packet);
  void settle();                // turns the stack until it has nothing to do
  void advance(Duration time);  // stops at every deadline on the way
  void call(Input& input);      // some socket call on some socket

  // A segment from the peer with everything right but what the caller made wrong.
  void send_segment(const TcpHeader& header, bool is_v6, std::size_t payload);

  FuzzLink& link() { return link_; }
  PacketPool& pool() { return pool_; }

 private:
  void set_up_sockets();
  void connect_both();
  void close_one(Input& input);

  PacketPool pool_{1U << 16, std::size_t{64} << 20};
  SeededRng secret_{1};
  SeededRng open_{2};
  FuzzLink link_;
  Instant now_ = Instant(1000s);
  Stack stack_;
  SocketRef listener_;
  SocketRef datagrams_;
  SocketRef connected_;
  SocketRef connected_datagrams_;
  std::vector<SocketRef> accepted_;
};

}  // namespace sockeye::fuzz

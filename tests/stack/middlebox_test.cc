// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// hostile.md E24: boxes on the way that rewrite TCP. Whatever they strip, turn around, split, join or change,
// the stream arrives whole, in both directions.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "link/pipe.h"
#include "packet/transport_checksum.h"
#include "stack/packets.h"
#include "wire/checksum.h"

namespace sockeye {
namespace {

constexpr std::size_t kIp = 20, kTcp = 20;
constexpr unsigned kNop = 1, kMss = 2, kScale = 3, kSackOk = 4, kSack = 5, kTimestamps = 8;
constexpr unsigned kFinBit = 1, kSynBit = 2, kPshBit = 8, kAckBit = 16;

// An IPv4 packet with TCP, taken apart.
struct Box {
  ByteString fixed{};  // IP and TCP headers without options
  std::vector<ByteString> options{};
  ByteString payload{};

  explicit Box(const ByteString& bytes) : fixed(bytes.begin(), bytes.begin() + kIp + kTcp) {
    const std::size_t end = kIp + (load8(bytes.data() + kIp + 12) >> 4) * 4u;
    for (std::size_t at = kIp + kTcp; at < end;) {
      const unsigned kind = load8(bytes.data() + at);
      if (kind == 0) break;
      const std::size_t size = kind == kNop ? 1 : load8(bytes.data() + at + 1);
      if (kind != kNop)
        options.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                             bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
      at += size;
    }
    payload.assign(bytes.begin() + static_cast<std::ptrdiff_t>(end), bytes.end());
  }
  ByteString bytes() const {
    ByteString out = fixed;
    for (const ByteString& option : options) out.insert(out.end(), option.begin(), option.end());
    while (out.size() % 4 != 0) out.push_back(std::byte{kNop});
    store8(out.data() + kIp + 12, static_cast<std::uint8_t>((out.size() - kIp) / 4 << 4));
    out.insert(out.end(), payload.begin(), payload.end());
    store16(out.data() + 2, static_cast<std::uint16_t>(out.size()));
    store16(out.data() + 10, 0);
    Checksum sum;
    sum.add(Bytes(out).first(kIp));
    store16(out.data() + 10, sum.finish());
    return out;
  }
  std::uint32_t seq() const { return load32(fixed.data() + kIp + 4); }
  void set_seq(std::uint32_t seq) { store32(fixed.data() + kIp + 4, seq); }
  unsigned flags() const { return load8(fixed.data() + kIp + 13); }
  void set_flags(unsigned flags) { store8(fixed.data() + kIp + 13, static_cast<std::uint8_t>(flags)); }
  bool is_syn() const { return (flags() & kSynBit) != 0; }
  void strip(unsigned kind) {
    std::erase_if(options, [&](const ByteString& o) { return o[0] == static_cast<std::byte>(kind); });
  }
};

// What a box makes of the packets that pass it at one instant in one direction.
using Meddle = std::function<std::vector<Box>(std::vector<Box>)>;

Meddle each(const std::function<void(Box&)>& change) {
  return [change](std::vector<Box> boxes) {
    for (Box& box : boxes) change(box);
    return boxes;
  };
}

std::vector<Box> split(std::vector<Box> boxes) {
  std::vector<Box> out;
  for (const Box& box : boxes) {
    constexpr std::size_t kPiece = 333;
    for (std::size_t at = 0; at == 0 || at < box.payload.size(); at += kPiece) {
      Box piece = box;
      const std::size_t end = std::min(at + kPiece, box.payload.size());
      piece.payload.assign(box.payload.begin() + static_cast<std::ptrdiff_t>(at),
                           box.payload.begin() + static_cast<std::ptrdiff_t>(end));
      piece.set_seq(box.seq() + static_cast<std::uint32_t>(at));
      if (end < box.payload.size()) piece.set_flags(box.flags() & ~(kFinBit | kPshBit));
      out.push_back(piece);
    }
  }
  return out;
}

std::vector<Box> coalesce(std::vector<Box> boxes) {
  std::vector<Box> out;
  for (const Box& box : boxes) {
    Box* last = out.empty() ? nullptr : &out.back();
    const bool joins = last != nullptr && !box.payload.empty() && !last->payload.empty() &&
                       (last->flags() & (kFinBit | kSynBit)) == 0 && (box.flags() & kAckBit) != 0 &&
                       box.seq() == last->seq() + last->payload.size() &&
                       last->payload.size() + box.payload.size() <= 1400;
    if (!joins) {
      out.push_back(box);
      continue;
    }
    Box joined = box;  // the later ACK, window and timestamps
    joined.set_seq(last->seq());
    joined.payload = last->payload + box.payload;
    *last = joined;
  }
  return out;
}

std::vector<Box> repeat_with_old_options(std::vector<Box> boxes) {
  std::vector<Box> out;
  for (const Box& box : boxes) {
    out.push_back(box);
    out.push_back(box);
  }
  return out;
}

class Middlebox : public ::testing::Test {
 protected:
  Middlebox() {
    left.stack.add_interface("eth0", near.left(), {{*IpAddress::parse("10.0.0.1"), 24}});
    right.stack.add_interface("eth0", far.right(), {{*IpAddress::parse("10.0.0.2"), 24}});
  }

  void pass(PipeEnd& in, PipeEnd& out) {
    PacketList packets;
    in.receive(now, packets, 10'000);
    std::vector<Box> boxes;
    while (PacketPtr packet = packets.pop_front()) {
      ByteString bytes(packet->size());
      packet->serialize(bytes);
      Box box(bytes);
      if (!box.payload.empty() && ++data_packets % 61 == 0) continue;  // and some loss
      boxes.push_back(box);
    }
    PacketList changed;
    for (const Box& box : meddle(std::move(boxes))) {
      PacketPtr packet = pool.from_bytes(box.bytes());
      fill_checksum(*packet);
      ByteString correct(packet->size());
      packet->serialize(correct);
      changed.push_back(pool.from_bytes(correct));
    }
    out.transmit(now, changed);
  }
  // Turns everybody at the present instant; the next one at which something happens.
  Instant settle() {
    for (int turn = 0; turn < 10'000; ++turn) {
      Instant next = std::min(left.stack.poll(now), right.stack.poll(now));
      pass(near.right(), far.left());
      pass(far.left(), near.right());
      for (PipeEnd* end : {&near.left(), &near.right(), &far.left(), &far.right()})
        next = std::min(next, end->next_arrival());
      if (next > now) return next;
    }
    ADD_FAILURE() << "no rest";
    return kNever;
  }

  // Sends `bytes` both ways at once and checks every byte.
  void expect_intact(const char* what, const Meddle& by, std::size_t bytes = 120'000) {
    meddle = by;
    SocketRef listener = right.listener(at("10.0.0.2", ++port));
    SocketRef client = left.tcp();
    (void)client->connect(at("10.0.0.2", port));
    SocketRef server;
    struct Way {
      std::size_t sent = 0;
      std::size_t received = 0;
      bool is_wrong = false;
    };
    Way there;
    Way back;
    const auto byte_at = [](std::size_t i) { return static_cast<std::byte>(i * 31 % 251); };
    const auto feed = [&](const SocketRef& from, const SocketRef& to, Way& way) {
      ByteString some(std::min<std::size_t>(bytes - way.sent, 7000));
      for (std::size_t i = 0; i < some.size(); ++i) some[i] = byte_at(way.sent + i);
      const Bytes out(some);
      Outgoing message;
      message.buffers = {&out, 1};
      if (!some.empty()) way.sent += from->send(message).value_or(0);
      ByteString room(10'000);
      const MutableBytes in(room);
      Incoming arrived;
      arrived.buffers = {&in, 1};
      const std::size_t got = to->receive(arrived).value_or(0);
      for (std::size_t i = 0; i < got; ++i) way.is_wrong |= room[i] != byte_at(way.received + i);
      way.received += got;
    };
    const Instant end = now + 300s;
    while (now < end && (there.received < bytes || back.received < bytes)) {
      const Instant next = settle();
      if (!server) server = listener->accept().value_or(SocketRef());
      const std::size_t before = there.sent + there.received + back.sent + back.received;
      if (server) {
        feed(client, server, there);
        feed(server, client, back);
      }
      if (before == there.sent + there.received + back.sent + back.received) now = next;
    }
    EXPECT_EQ(there.received, bytes) << what;
    EXPECT_EQ(back.received, bytes) << what;
    EXPECT_FALSE(there.is_wrong || back.is_wrong) << what;
    client = server = listener = SocketRef();
    now += 1s;
    (void)settle();
  }

  PacketPool pool;
  Pipe near{{.mtu = 1500, .delay = 5ms, .checksum_trusted = false}};
  Pipe far{{.mtu = 1500, .delay = 5ms, .checksum_trusted = false}};
  Instant now{};
  HostUnderTest left{StackConfig{}, pool, 1};
  HostUnderTest right{StackConfig{}, pool, 1000};
  Meddle meddle;
  std::size_t data_packets = 0;
  unsigned port = 80;
};

TEST_F(Middlebox, StripsOptions) {
  expect_intact("none", each([](Box&) {}));
  for (const unsigned kind : {kMss, kScale, kSackOk, kSack, kTimestamps}) {
    const std::string what = "option " + std::to_string(kind);
    expect_intact((what + " everywhere").c_str(), each([&](Box& box) { box.strip(kind); }));
    expect_intact((what + " of SYN-ACKs").c_str(), each([&](Box& box) {
                    if ((box.flags() & (kSynBit | kAckBit)) == (kSynBit | kAckBit)) box.strip(kind);
                  }));
    expect_intact((what + " behind the handshake").c_str(), each([&](Box& box) {
                    if (!box.is_syn()) box.strip(kind);
                  }));
  }
  expect_intact("all", each([](Box& box) { box.options.clear(); }));
}

TEST_F(Middlebox, ReordersOptions) {
  expect_intact("turned around", each([](Box& box) { std::ranges::reverse(box.options); }));
}

TEST_F(Middlebox, AddsOptionsThatNobodyAskedFor) {
  expect_intact("unknown", each([](Box& box) {
                  box.options.insert(box.options.begin(), bytes_of({99, 4, 1, 2}));
                }));
  expect_intact("repeated MSS", each([](Box& box) {
                  if (box.is_syn()) box.options.push_back(bytes_of({kMss, 4, 2, 0}));
                }));
}

TEST_F(Middlebox, RewritesMss) {
  for (const unsigned mss : {0u, 88u, 536u, 9000u, 65535u})
    expect_intact(("MSS " + std::to_string(mss)).c_str(), each([&](Box& box) {
                    for (ByteString& option : box.options)
                      if (option[0] == std::byte{kMss}) option = bytes_of({kMss, 4, mss >> 8, mss & 255});
                  }));
}

TEST_F(Middlebox, SplitsAndCoalesces) {
  expect_intact("splits", split);
  expect_intact("coalesces", [](std::vector<Box> boxes) { return coalesce(split(std::move(boxes))); });
  expect_intact("repeats", repeat_with_old_options);
  expect_intact("turns the order around", [](std::vector<Box> boxes) {
    std::ranges::reverse(boxes);
    return boxes;
  });
}

TEST_F(Middlebox, ClearsTheFlagsItDoesNotKnow) {
  expect_intact("reserved bits, ECE and CWR", each([](Box& box) { box.set_flags(box.flags() & 0x3f); }));
  expect_intact("PSH", each([](Box& box) { box.set_flags(box.flags() & ~kPshBit); }));
}

}  // namespace
}  // namespace sockeye

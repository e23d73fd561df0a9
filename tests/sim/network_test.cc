// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The network alone, with packets made by hand.
#include "sim/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "packet/transport_checksum.h"
#include "sim/test_packets.h"
#include "wire/icmpv6.h"

namespace sockeye::sim {
namespace {

const IpAddress kA = IpAddress::v4(10, 0, 0, 1), kB = IpAddress::v4(10, 0, 0, 2);
const IpAddress kA6 = *IpAddress::parse("fd00::1"), kB6 = *IpAddress::parse("fd00::2");
constexpr Instant kStart = Instant(1s);

struct Waker final : LinkWaker {
  void wake() override { ++count; }
  int count = 0;
};

struct World {
  explicit World(std::string_view spec, std::uint64_t seed = 1)
      : network(spec.empty() ? NetSpec{} : parse_net_spec(spec).spec.value(), seed) {}

  void send(PacketPtr packet, Instant now = kStart) {
    PacketList list;
    list.push_back(std::move(packet));
    a.transmit(now, list);
    EXPECT_TRUE(list.empty());
  }
  void send_udp(std::size_t bytes, Instant now = kStart) {
    send(udp_packet(pool, {kA, 1000}, {kB, 53}, bytes), now);
  }
  // What has arrived at b by `now`: due times relative to the start.
  std::vector<PacketPtr> arrivals(Port& port, Instant now) {
    PacketList list;
    port.receive(now, list, 1'000'000);
    std::vector<PacketPtr> out;
    while (PacketPtr packet = list.pop_front()) out.push_back(std::move(packet));
    return out;
  }

  PacketPool pool;
  Network network;
  Port& a = network.attach("a", {kA, kA6});
  Port& b = network.attach("b", {kB, kB6});
};

TEST(Network, CarriesByReferenceAndInOrderWithoutASpec) {
  World world("");
  EXPECT_EQ(world.a.capabilities().mtu, 65535U);
  EXPECT_TRUE(world.a.capabilities().checksum_trusted);
  Waker waker;
  world.b.set_waker(&waker);
  PacketPtr packet = udp_packet(world.pool, {kA, 1}, {kB, 2}, 60000);
  const auto sent = bytes_of(*packet);
  const Chunk* chunk = packet->slices()[0].chunk();
  world.send(std::move(packet));
  world.send_udp(1);
  EXPECT_EQ(waker.count, 1);
  EXPECT_EQ(world.b.next_arrival(), kStart);
  EXPECT_EQ(world.network.next_deadline(), kStart);
  const auto arrived = world.arrivals(world.b, kStart);
  ASSERT_EQ(arrived.size(), 2U);
  EXPECT_EQ(bytes_of(*arrived[0]), sent);
  EXPECT_EQ(arrived[0]->slices()[0].chunk(), chunk);
  EXPECT_EQ(arrived[0]->checksum, ChecksumState::absent);
  EXPECT_EQ(world.network.next_deadline(), kNever);
}

TEST(Network, DelaysOncePerDirection) {
  World world("delay=20ms");
  world.send_udp(10);
  EXPECT_EQ(world.b.next_arrival(), kStart + 20ms);
  EXPECT_TRUE(world.arrivals(world.b, kStart + 20ms - 1ns).empty());
  EXPECT_EQ(world.arrivals(world.b, kStart + 20ms).size(), 1U);
}

TEST(Network, AnswersForAnAddressThatNoHostHas) {
  World world("delay=20ms");
  world.send(tcp_packet(world.pool, {kA, 1000}, {IpAddress::v4(10, 0, 0, 77), 80}, {.syn = true}, 5, 0));
  auto arrived = world.arrivals(world.a, kStart);
  ASSERT_EQ(arrived.size(), 1U);
  EXPECT_EQ(world.network.drops()[Drop::host_unreachable], 1U);
  const auto bytes = bytes_of(*arrived[0]);
  Ipv4Header ip;
  ASSERT_FALSE(parse_ipv4(Bytes(bytes).first(20), bytes.size(), true, ip));
  EXPECT_EQ(ip.destination, kA);
  const auto icmp = parse_icmp(Bytes(bytes).subspan(20, 8));
  EXPECT_EQ(icmp.type, IcmpType::kUnreachable);
  EXPECT_EQ(icmp.code, IcmpCode::kHost);
  const auto quote = parse_icmp_quote(Bytes(bytes).subspan(28));
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->destination, IpAddress::v4(10, 0, 0, 77));
  EXPECT_EQ(load16(quote->transport.data()), 1000);

  world.send(udp_packet(world.pool, {kA6, 9}, {*IpAddress::parse("fd00::77"), 53}, 2000));
  arrived = world.arrivals(world.a, kStart);
  ASSERT_EQ(arrived.size(), 1U);
  EXPECT_LE(arrived[0]->size(), 1280U);
  EXPECT_TRUE(verify_checksum(*arrived[0]));
  EXPECT_EQ(arrived[0]->checksum, ChecksumState::verified);

  // An error is never answered with an error.
  PacketPtr error = std::move(arrived[0]);
  world.send(std::move(error));  // its destination is a itself
  EXPECT_EQ(world.arrivals(world.a, kStart + 1s).size(), 1U);
  world.send(udp_packet(world.pool, {kA, 9}, {IpAddress::v4(224, 0, 0, 1), 53}, 1));
  EXPECT_TRUE(world.arrivals(world.a, kStart + 2s).empty());
}

TEST(Network, CutsAndSumsUpWhereAWireWould) {
  World world("loss=0.0000001%");
  EXPECT_EQ(world.a.capabilities().mtu, 1500U);
  EXPECT_EQ(world.a.capabilities().largest_packet, 65535U);
  EXPECT_FALSE(world.a.capabilities().checksum_trusted);
  PacketPtr packet = tcp_packet(world.pool, {kA, 1000}, {kB, 80}, {.psh = true, .ack = true}, 5000, 4000);
  packet->segment_size = 1460;
  packet->transmission = 3;
  world.send(std::move(packet));
  const auto arrived = world.arrivals(world.b, kStart);
  ASSERT_EQ(arrived.size(), 3U);
  std::uint32_t seq = 5000;
  for (const auto& piece : arrived) {
    EXPECT_LE(piece->size(), 1500U);
    EXPECT_EQ(piece->checksum, ChecksumState::present);
    EXPECT_EQ(piece->transmission, 3);
    EXPECT_TRUE(verify_checksum(*piece));
    EXPECT_EQ(summarize(*piece)->seq, seq);
    seq += summarize(*piece)->tcp_payload;
  }
  EXPECT_EQ(seq, 9000U);
  world.send_udp(1500);  // 1528 bytes that nobody may cut
  EXPECT_TRUE(world.arrivals(world.b, kStart).empty());
  EXPECT_EQ(world.network.drops()[Drop::too_big], 1U);
}

TEST(Network, LosesAboutAsOftenAsAsked) {
  World world("loss=5%");
  for (int i = 0; i < 10000; ++i) world.send_udp(100);
  const auto lost = world.network.drops()[Drop::loss];
  EXPECT_GT(lost, 400U);
  EXPECT_LT(lost, 600U);
  EXPECT_EQ(world.arrivals(world.b, kStart).size(), 10000 - lost);
}

TEST(Network, DuplicatesRightBehind) {
  World world("duplicate=10%,delay=1ms");
  for (int i = 0; i < 1000; ++i) world.send_udp(static_cast<std::size_t>(i % 700));
  const auto arrived = world.arrivals(world.b, kStart + 1ms);
  EXPECT_GT(arrived.size(), 1060U);
  EXPECT_LT(arrived.size(), 1140U);
  std::size_t twins = 0;
  for (std::size_t i = 1; i < arrived.size(); ++i)
    twins += bytes_of(*arrived[i]) == bytes_of(*arrived[i - 1]) ? 1U : 0U;
  EXPECT_EQ(twins, arrived.size() - 1000);
}

TEST(Network, CorruptionFlipsOneBitOfAPrivateCopyAndChecksumsFindIt) {
  World world("corrupt=100%");
  for (int i = 0; i < 300; ++i) {
    PacketPtr packet = tcp_packet(world.pool, {kA, 1000}, {kB, 80}, {.ack = true},
                                  77U + 1000U * static_cast<unsigned>(i), 200);
    PacketPtr kept = packet->clone();
    const auto before = bytes_of(*kept);
    world.send(std::move(packet));
    ASSERT_EQ(bytes_of(*kept), before);  // what the sender would send again
    fill_checksum(*kept);
    const auto sent = bytes_of(*kept);
    auto arrived = world.arrivals(world.b, kStart);
    ASSERT_EQ(arrived.size(), 1U);
    const auto got = bytes_of(*arrived[0]);
    ASSERT_EQ(got.size(), sent.size());
    int bits = 0;
    for (std::size_t at = 0; at < got.size(); ++at)
      bits += __builtin_popcount(std::to_integer<unsigned>(got[at] ^ sent[at]));
    EXPECT_EQ(bits, 1);
    Ipv4Header ip;
    const std::uint32_t header = ipv4_header_bytes(arrived[0]->front(20));
    const Bytes front = header == 0 ? Bytes() : arrived[0]->front(header);
    const bool ip_fine = !front.empty() && !parse_ipv4(front, got.size(), true, ip);
    EXPECT_FALSE(ip_fine && verify_checksum(*arrived[0]));
  }
}

TEST(Network, RateSpacesAndTheQueueOverflows) {
  World world("rate=8mbit,queue=10p,delay=5ms");     // a byte per microsecond
  for (int i = 0; i < 15; ++i) world.send_udp(972);  // 1000 bytes of IP each
  EXPECT_EQ(world.network.drops()[Drop::rate_queue_full], 5U);
  for (int i = 1; i <= 10; ++i) {
    EXPECT_EQ(world.b.next_arrival(), kStart + i * 1ms + 5ms);
    EXPECT_EQ(world.arrivals(world.b, kStart + i * 1ms + 5ms).size(), 1U);
  }
  world.send_udp(972, kStart + 9500us);  // one half sent packet still stands in front of it
  EXPECT_EQ(world.b.next_arrival(), kStart + 11ms + 5ms);
}

// RFC 3168 5: marked instead of dropped, where the packet can be marked; its checksums stay right.
TEST(Network, AFullerQueueMarksWhatKnowsEcn) {
  World world("rate=1mbit,queue=10p,ecn=50%");
  const auto send_with = [&](std::uint8_t bits, bool is_v6) {
    PacketPtr packet = is_v6 ? udp_packet(world.pool, {kA6, 1000}, {kB6, 53}, 100)
                             : udp_packet(world.pool, {kA, 1000}, {kB, 53}, 100);
    std::byte* at = packet->mutable_head().data();
    if (is_v6) {
      store8(at + 1, static_cast<std::uint8_t>(bits << 4));
    } else {
      Ipv4Header header;
      EXPECT_FALSE(parse_ipv4(packet->front(20), packet->size(), true, header));
      header.tos = bits;
      emit_ipv4(header, packet->mutable_head().first(20));
    }
    world.send(std::move(packet));
  };
  for (int i = 0; i < 4; ++i) send_with(2, false);
  send_with(2, false);  // the fifth of ten
  send_with(1, true);
  send_with(0, false);
  std::vector<unsigned> bits;
  for (const PacketPtr& packet : world.arrivals(world.b, kStart + 1s)) {
    const std::byte* at = packet->front(40).data();
    const bool is_v4 = load8(at) >> 4 == 4;
    bits.push_back((is_v4 ? load8(at + 1) : load8(at + 1) >> 4) & 3u);
    Ipv4Header header;
    if (is_v4) {
      EXPECT_FALSE(parse_ipv4(packet->front(20), packet->size(), true, header));
    }
    EXPECT_TRUE(verify_checksum(*packet));
  }
  EXPECT_EQ(bits, (std::vector<unsigned>{2, 2, 2, 2, 3, 3, 0}));
}

TEST(Network, QueueInBytes) {
  World world("rate=8mbit,queue=4KiB");
  for (int i = 0; i < 10; ++i) world.send_udp(972);
  EXPECT_EQ(world.network.drops()[Drop::rate_queue_full], 6U);
}

TEST(Network, JitterKeepsOrderAndItsBounds) {
  World world("delay=20ms~5ms");
  for (int i = 0; i < 1000; ++i) world.send_udp(static_cast<std::size_t>(i), kStart + i * 100us);
  std::size_t next = 0;
  std::set<Instant> dues;
  for (const auto& packet : world.arrivals(world.b, kStart + 10s)) {
    EXPECT_EQ(packet->size(), 28 + next);
    const Instant sent = kStart + std::chrono::microseconds(100 * next);
    EXPECT_GE(packet->due, sent + 15ms);
    EXPECT_LE(packet->due, sent + 25ms);
    dues.insert(packet->due);
    ++next;
  }
  EXPECT_EQ(next, 1000U);
  EXPECT_GT(dues.size(), 20U);
  // Packets far apart show the whole width.
  World sparse("delay=20ms~5ms");
  Duration least = 1h, most = 0ns;
  for (int i = 0; i < 1000; ++i) {
    const Instant now = kStart + i * 1s;
    sparse.send_udp(1, now);
    least = std::min(least, sparse.b.next_arrival() - now);
    most = std::max(most, sparse.b.next_arrival() - now);
    sparse.arrivals(sparse.b, now + 100ms);
  }
  EXPECT_LT(least, 15100us);
  EXPECT_GT(most, 24900us);
}

TEST(Network, ReorderedPacketsAreOvertaken) {
  World world("delay=10ms,reorder=10%");
  for (int i = 0; i < 1000; ++i) world.send_udp(static_cast<std::size_t>(i), kStart + i * 100us);
  const auto arrived = world.arrivals(world.b, kStart + 10s);
  ASSERT_EQ(arrived.size(), 1000U);
  std::size_t late = 0;
  std::uint32_t highest = 0;
  Instant last{};
  for (const auto& packet : arrived) {
    EXPECT_GE(packet->due, last);
    last = packet->due;
    if (packet->size() < highest) ++late;
    highest = std::max(highest, packet->size());
  }
  EXPECT_GT(late, 60U);
  EXPECT_LT(late, 140U);
}

TEST(Network, PartitionIsOneWayAndHeals) {
  World world("delay=1ms");
  world.send_udp(1);
  world.network.set_partition(world.a, world.b, true);
  world.send_udp(2);
  EXPECT_EQ(world.network.drops()[Drop::partition], 1U);
  EXPECT_EQ(world.arrivals(world.b, kStart + 1ms).size(), 1U);  // was under way
  PacketList back;
  back.push_back(udp_packet(world.pool, {kB, 53}, {kA, 1000}, 1));
  world.b.transmit(kStart, back);
  EXPECT_EQ(world.arrivals(world.a, kStart + 1ms).size(), 1U);
  world.network.set_partition(world.a, world.b, false);
  world.send_udp(3);
  EXPECT_EQ(world.arrivals(world.b, kStart + 1ms).size(), 1U);
}

TEST(Network, AHostThatIsOffSwallows) {
  World world("delay=1ms");
  world.send_udp(1);
  world.network.set_up(world.b, false);
  EXPECT_EQ(world.network.next_deadline(), kNever);
  world.send_udp(2);
  EXPECT_EQ(world.network.drops()[Drop::host_down], 1U);
  EXPECT_TRUE(world.arrivals(world.a, kStart).empty());  // nobody says so
  world.network.set_up(world.b, true);
  world.send_udp(3);
  EXPECT_EQ(world.arrivals(world.b, kStart + 1ms).size(), 1U);
}

TEST(Network, LoopbackPortComesBackToItself) {
  World world("delay=3ms,loss=0.0000001%");
  Port& lo = world.network.attach_loopback("a lo");
  PacketList list;
  list.push_back(udp_packet(world.pool, {IpAddress::loopback_v4(), 1}, {IpAddress::loopback_v4(), 2}, 5));
  lo.transmit(kStart, list);
  EXPECT_EQ(lo.next_arrival(), kStart + 3ms);
  EXPECT_EQ(world.arrivals(lo, kStart + 3ms).size(), 1U);
}

TEST(Network, GarbageIsCountedNotCarried) {
  World world("loss=1%");
  for (const std::size_t length : {1U, 19U, 20U, 39U, 60U}) {
    std::vector<std::byte> bytes(length, std::byte{0x60});
    world.send(world.pool.from_bytes(bytes));
    bytes.assign(length, std::byte{0x45});
    world.send(world.pool.from_bytes(bytes));
    bytes.assign(length, std::byte{0});
    world.send(world.pool.from_bytes(bytes));
  }
  EXPECT_GE(world.network.drops().total(), 10U);
  EXPECT_TRUE(world.arrivals(world.b, kStart + 1h).empty());
}

TEST(Network, AThousandHostsInDueOrder) {
  PacketPool pool;
  Network network(parse_net_spec("delay=5ms~4ms,seed=3").spec.value(), 3);
  std::vector<Port*> ports;
  for (unsigned i = 0; i < 1000; ++i) {
    std::string name = "h";
    name += std::to_string(i);
    ports.push_back(&network.attach(name, {IpAddress::v4(0x0a000001U + i)}));
  }
  for (unsigned i = 0; i < 20000; ++i) {
    const unsigned from = i % 1000, to = (i * 7919 + 13) % 1000;
    PacketList list;
    list.push_back(udp_packet(pool, {ports[from]->addresses()[0], 1}, {ports[to]->addresses()[0], 2}, 1));
    ports[from]->transmit(kStart, list);
  }
  std::size_t received = 0;
  Instant now = kStart;
  while (network.next_deadline() != kNever) {
    ASSERT_GE(network.next_deadline(), now);
    now = network.next_deadline();
    for (Port* port : ports) {
      ASSERT_GE(port->next_arrival(), now);
      if (port->next_arrival() != now) continue;
      PacketList list;
      port->receive(now, list, 100);
      received += list.size();
    }
    if (received > 3000) break;  // enough of the slow way of looking
  }
  EXPECT_GT(received, 3000U);
}

}  // namespace
}  // namespace sockeye::sim

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Rows of hostile.md D, E and F that need a host and raw bytes: what a stranger's TCP segment comes to.
// docs/hostile.md says where the other rows are tested.
#include "stack/packets.h"
#include "wire/tcp.h"

namespace sockeye {
namespace {

constexpr unsigned kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

class HostileTcp : public Stranger {
 protected:
  void SetUp() override { listen(16); }
  void listen(int backlog) {
    listener = SocketRef();
    listener = host.listener(at("10.0.0.2", 80), backlog);
  }

  struct Raw {
    std::uint32_t seq = 1000;
    std::uint32_t ack = 0;
    unsigned flags = kSyn;
    ByteString options{};
    std::size_t payload = 0;
    std::uint16_t from = 5000;
    std::uint16_t to = 80;
    int offset = -1;  // data offset in words; -1: what is right
    IpAddress source = *IpAddress::parse("10.0.0.9");
  };
  ByteString packet(const Raw& raw) {
    ByteString options = raw.options;
    while (options.size() % 4 != 0) options.push_back(std::byte{0});
    ByteString bytes(20);
    store16(bytes.data(), raw.from);
    store16(bytes.data() + 2, raw.to);
    store32(bytes.data() + 4, raw.seq);
    store32(bytes.data() + 8, raw.ack);
    const auto words = raw.offset >= 0 ? static_cast<unsigned>(raw.offset) : 5u + options.size() / 4u;
    store8(bytes.data() + 12, static_cast<std::uint8_t>(words << 4));
    store8(bytes.data() + 13, static_cast<std::uint8_t>(raw.flags));
    store16(bytes.data() + 14, 60000);
    Ipv4Header header;
    header.protocol = 6;
    header.source = raw.source;
    return correct(v4(header, bytes + options + ByteString(raw.payload, std::byte{'x'})));
  }
  // The segments that came back, options included.
  std::vector<TcpHeader> replies() {
    std::vector<TcpHeader> all;
    for (const ByteString& bytes : answers()) {
      const Bytes segment = Bytes(bytes).subspan(20);
      const auto parsed = parse_tcp(segment.first(tcp_header_bytes(segment.first(20))));
      EXPECT_TRUE(parsed);
      if (parsed) all.push_back(*parsed);
    }
    return all;
  }
  TcpHeader one_reply(int line = __builtin_LINE()) {
    const auto all = replies();
    EXPECT_EQ(all.size(), 1u) << "line " << line;
    return all.empty() ? TcpHeader() : all.front();
  }
  // A handshake by hand; our number (the host's ISN + 1).
  std::uint32_t establish(const ByteString& options = {}, std::uint16_t from = 5000) {
    inject(packet({.options = options, .from = from}));
    const TcpHeader answer = one_reply();
    EXPECT_TRUE(answer.flags.syn && answer.flags.ack);
    const std::uint32_t theirs = answer.seq.value() + 1;
    inject(packet({.seq = 1001, .ack = theirs, .flags = kAck, .from = from}));
    EXPECT_TRUE(replies().empty());
    return theirs;
  }

  SocketRef listener;
};

TEST_F(HostileTcp, DataOffsets) {  // D1
  for (const int offset : {0, 1, 4, 6, 15})
    expect_drop(Drop::bad_transport_header, packet({.offset = offset}));
}

// D2-D5, D7: whatever the options look like, the SYN is answered, and parsing ends.
TEST_F(HostileTcp, OptionsOfASyn) {
  struct Case {
    const char* what;
    ByteString options;
    bool sack;
    bool scaled;
  };
  const std::vector<Case> cases = {
      {"length 0", bytes_of({4, 2, 30, 0, 3, 3, 7, 1}), true, false},
      {"length 1", bytes_of({4, 2, 30, 1, 3, 3, 7, 1}), true, false},
      {"past the end", bytes_of({4, 2, 1, 1, 3, 3, 7, 2}), true, true},
      {"the kind is the last byte", bytes_of({3, 3, 7, 4}), false, true},
      {"one byte too long", bytes_of({4, 2, 1, 1, 2, 5, 5, 180}), true, false},
      {"known kinds, wrong lengths", bytes_of({2, 3, 5, 3, 4, 7, 7, 4, 3, 1, 1, 1}), false, false},
      {"only padding", ByteString(40, std::byte{1}), false, false},
      {"junk behind the end", bytes_of({4, 2, 0, 3, 3, 7, 99, 0}), true, false},
      {"unknown kinds", bytes_of({200, 4, 9, 9, 3, 3, 2, 1, 4, 2, 254, 2}), true, true},
      {"a shift of 200", bytes_of({3, 3, 200, 1}), false, true},
  };
  std::uint16_t from = 6000;
  for (const Case& c : cases) {
    inject(packet({.options = c.options, .from = ++from}));
    const TcpHeader answer = one_reply();
    EXPECT_TRUE(answer.flags.syn && answer.flags.ack) << c.what;
    EXPECT_EQ(answer.options.sack_permitted, c.sack) << c.what;
    EXPECT_EQ(answer.options.window_scale.has_value(), c.scaled) << c.what;
  }
}

TEST_F(HostileTcp, OptionsThatWereNotAgreedUponMeanNothing) {  // D8
  const std::uint32_t ours = establish();
  inject(packet({.seq = 1001,
                 .ack = ours,
                 .flags = kAck | kPsh,
                 .options = bytes_of({1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0}),
                 .payload = 4}));
  const TcpHeader answer = one_reply();
  EXPECT_EQ(answer.ack.value(), 1005u);
  EXPECT_FALSE(answer.options.timestamps);
}

TEST_F(HostileTcp, AMissingTimestampIsCountedAndTaken) {  // D9, as Linux
  const std::uint32_t ours = establish(bytes_of({1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0}));
  const auto before = host.stack.tcp_counters()[tcp::Counter::timestamp_missing];
  inject(packet({.seq = 1001, .ack = ours, .flags = kAck | kPsh, .payload = 4}));
  EXPECT_EQ(one_reply().ack.value(), 1005u);
  EXPECT_EQ(host.stack.tcp_counters()[tcp::Counter::timestamp_missing], before + 1);
}

TEST_F(HostileTcp, PayloadOnASynWaitsForTheHandshake) {  // D16
  inject(packet({.payload = 4}));
  const TcpHeader answer = one_reply();
  EXPECT_EQ(answer.ack.value(), 1001u) << "the SYN alone";
  EXPECT_EQ(listener->report().receive_queue, 0u);
  inject(packet({.seq = 1001, .ack = answer.seq.value() + 1, .flags = kAck | kPsh, .payload = 4}));
  auto server = listener->accept();
  ASSERT_TRUE(server);
  ByteString room(100);
  const MutableBytes bytes(room);
  Incoming message;
  message.buffers = {&bytes, 1};
  EXPECT_EQ((*server)->receive(message).value_or(kNothing), 4u);
}

TEST_F(HostileTcp, PayloadOnAResetAndBehindAFin) {  // D16
  const std::uint32_t ours = establish();
  auto server = listener->accept();
  ASSERT_TRUE(server);
  inject(packet({.seq = 1001, .ack = ours, .flags = kAck | kFin}));
  EXPECT_EQ(one_reply().ack.value(), 1002u);
  const auto before = drops(Drop::data_after_fin);
  inject(packet({.seq = 1002, .ack = ours, .flags = kAck | kPsh, .payload = 4}));
  EXPECT_EQ(drops(Drop::data_after_fin), before + 1);
  (void)replies();
  inject(packet({.seq = 1002, .ack = ours, .flags = kRst | kAck, .payload = 4}));
  EXPECT_TRUE(replies().empty());
  EXPECT_EQ((*server)->report().state, tcp::State::closed);
}

TEST_F(HostileTcp, PortZero) {  // D18
  inject(packet({.to = 0}));
  EXPECT_TRUE(one_reply().flags.rst);
  EXPECT_EQ(drops(Drop::no_socket), 1u);
}

TEST_F(HostileTcp, GroupAddresses) {  // D19
  ByteString to_all = packet({});
  Ipv4Header header;
  header.protocol = 6;
  header.destination = *IpAddress::parse("10.0.0.255");
  expect_drop(Drop::multicast_syn, correct(v4(header, ByteString(to_all.begin() + 20, to_all.end()))));
  expect_drop(Drop::martian_source, packet({.source = *IpAddress::parse("224.0.0.1")}));
}

// E1, E2, E3 on the wire: one answer per interval, and the connection lives.
TEST_F(HostileTcp, BlindSegmentsAreChallengedOncePerInterval) {
  const std::uint32_t ours = establish();
  std::size_t answered = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    inject(packet({.seq = 1500 + i, .flags = kRst}));
    inject(packet({.seq = 1500 + i, .flags = kSyn}));
    inject(packet({.seq = 1001, .ack = ours + 0x40000000, .flags = kAck | kPsh, .payload = 4}));
    answered += replies().size();
  }
  EXPECT_EQ(answered, 1u);
  EXPECT_EQ(drops(Drop::challenge_limited), 299u);
  advance(500ms);
  inject(packet({.seq = 1500, .flags = kRst}));
  const TcpHeader answer = one_reply();
  EXPECT_EQ(answer.seq.value(), ours);
  EXPECT_EQ(answer.ack.value(), 1001u);
  EXPECT_EQ(listener->report().receive_queue, 1u);
}

// E4: somebody else's connection changes nothing in what an attacker can count on his own.
TEST_F(HostileTcp, ChallengesOfOneConnectionTellNothingOfAnother) {
  (void)establish({}, 5000);
  (void)establish({}, 5001);
  for (int i = 0; i < 50; ++i) inject(packet({.seq = 1500, .flags = kRst, .from = 5000}));
  (void)replies();
  inject(packet({.seq = 1500, .flags = kRst, .from = 5001}));
  EXPECT_EQ(replies().size(), 1u);
}

// F1: a flood leaves no more than the backlog behind, and who is real gets in by a cookie.
TEST_F(HostileTcp, ASynFloodKeepsNobodyOut) {
  listen(8);
  for (std::uint32_t i = 0; i < 2000; ++i) {
    inject(packet(
        {.from = static_cast<std::uint16_t>(1024 + i), .source = IpAddress::v4(0x0a000000u + 20 + i % 200)}));
    (void)answers();
  }
  EXPECT_LE(host.stack.report().size(), 1u + 8u);
  EXPECT_GE(host.stack.tcp_counters()[tcp::Counter::syncookies_sent], 1990u);
  for (std::uint16_t from = 50000; from < 50005; ++from) (void)establish(bytes_of({2, 4, 5, 180}), from);
  EXPECT_EQ(listener->report().receive_queue, 5u);
  EXPECT_EQ(host.stack.tcp_counters()[tcp::Counter::syncookies_recv], 5u);
}

// E12: guesses at cookies make no connection.
TEST_F(HostileTcp, ForgedCookies) {
  listen(0);
  inject(packet({}));
  (void)answers();
  for (std::uint32_t i = 0; i < 2000; ++i) {
    inject(packet({.seq = 77, .ack = i * 2'147'483u, .flags = kAck, .from = 5001}));
    (void)answers();
  }
  EXPECT_EQ(listener->report().receive_queue, 0u);
  EXPECT_EQ(host.stack.tcp_counters()[tcp::Counter::syncookies_failed], 2000u);
}

// F5: what nobody wants is answered, up to a limit.
TEST_F(HostileTcp, ResetsForClosedPortsAreLimited) {
  std::size_t answered = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    inject(packet({.from = static_cast<std::uint16_t>(1024 + i % 60'000), .to = 4444}));
    answered += answers().size();
  }
  EXPECT_GE(answered, 5'000u);
  EXPECT_LT(answered, 15'000u);
  EXPECT_EQ(drops(Drop::reset_limited), 20'000 - answered);
  EXPECT_EQ(host.stack.tcp_counters()[tcp::Counter::out_rsts], answered);
  advance(1s);
  inject(packet({.to = 4444}));
  EXPECT_EQ(replies().size(), 1u);
}

// F9: peers that let nobody finish. What is closed beyond the limit is reset at once, and what was closed
// before the limit came down when its timer wants to send.
TEST_F(HostileTcp, OrphansAreLimited) {
  ASSERT_TRUE(host.stack.set_sysctl("net.ipv4.tcp_max_orphans", "3"));
  const auto aborted = [&] { return host.stack.tcp_counters()[tcp::Counter::abort_on_memory]; };
  const auto connections = [&] { return host.stack.report().size() - 1; };  // but for the listener
  for (std::uint16_t from = 5000; from < 5005; ++from) {
    (void)establish({}, from);
    auto server = listener->accept();
    ASSERT_TRUE(server);
    const ByteString text(10);
    const Bytes bytes(text);
    Outgoing message;
    message.buffers = {&bytes, 1};
    EXPECT_TRUE((*server)->send(message));
    *server = SocketRef();
    turn();
    const auto sent = replies();
    ASSERT_FALSE(sent.empty());
    EXPECT_EQ(sent.back().flags.fin, from < 5003) << from;
    EXPECT_EQ(sent.back().flags.rst, from >= 5003) << from;
  }
  EXPECT_EQ(aborted(), 2u);
  EXPECT_EQ(connections(), 3u);
  ASSERT_TRUE(host.stack.set_sysctl("net.ipv4.tcp_max_orphans", "1"));
  advance(2s);
  EXPECT_EQ(aborted(), 4u);
  EXPECT_EQ(connections(), 1u);
  std::size_t resets = 0;
  for (const TcpHeader& segment : replies()) resets += segment.flags.rst;
  EXPECT_EQ(resets, 2u);
}

}  // namespace
}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Reading TCP-AO back: TCP_AO_INFO with what was counted, TCP_AO_GET_KEYS, and ICMP errors that a signed
// connection ignores. By linux/tcp.h's words: no kernel at hand was built with TCP-AO.
#include "stack/ao_hosts.h"

namespace sockeye {
namespace {

// struct tcp_ao_info_opt as getsockopt() gives it.
struct Info {
  std::uint32_t flags = 0;
  unsigned current = 0;
  unsigned next = 0;
  std::array<std::uint64_t, 5> count{};  // good, bad, key not found, required, dropped ICMP
};
constexpr std::uint32_t kSetCurrent = 1, kSetNext = 2, kRequired = 4, kSetCounters = 8, kAcceptIcmp = 16;

// struct tcp_ao_getsockopt.
struct Entry {
  ByteString bytes;
  std::string algorithm() const { return reinterpret_cast<const char*>(bytes.data() + 128); }
  std::string key() const {
    return {reinterpret_cast<const char*>(bytes.data() + 192), static_cast<std::size_t>(bytes[283])};
  }
  unsigned flags() const { return static_cast<unsigned>(bytes[276]); }
  unsigned send_id() const { return static_cast<unsigned>(bytes[278]); }
  unsigned receive_id() const { return static_cast<unsigned>(bytes[279]); }
  unsigned prefix() const { return static_cast<unsigned>(bytes[280]); }
  unsigned code_bytes() const { return static_cast<unsigned>(bytes[281]); }
  unsigned key_flags() const { return static_cast<unsigned>(bytes[282]); }
  std::uint64_t good() const { return number(288); }
  std::uint64_t bad() const { return number(296); }
  std::uint64_t number(std::size_t at) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }
};
constexpr std::size_t kEntryBytes = 304;
constexpr unsigned kIsCurrent = 1, kIsNext = 2, kGetAll = 4;

// The first of `count`, which asks.
ByteString question(unsigned flags, std::uint32_t count) {
  ByteString bytes(kEntryBytes * std::max<std::uint32_t>(count, 1));
  std::memcpy(bytes.data() + 272, &count, sizeof count);
  bytes[276] = static_cast<std::byte>(flags);
  return bytes;
}
ByteString question_for(const std::string& peer, unsigned prefix, unsigned send_id, unsigned receive_id,
                        std::uint32_t count) {
  ByteString bytes = question(0, count);
  const ByteString address = address_of(peer);
  std::copy(address.begin(), address.end(), bytes.begin());
  bytes[278] = static_cast<std::byte>(send_id);
  bytes[279] = static_cast<std::byte>(receive_id);
  bytes[280] = static_cast<std::byte>(prefix);
  return bytes;
}

class AoRead : public Ao {
 protected:
  static std::string read_info(const SocketRef& socket, Info& info) {
    ByteString bytes(48);
    const auto got = socket->get_option(IPPROTO_TCP, kInfo, bytes);
    if (!got) return std::string(name_of(got.error()));
    std::memcpy(&info.flags, bytes.data(), 4);
    info.current = static_cast<unsigned>(bytes[6]);
    info.next = static_cast<unsigned>(bytes[7]);
    std::memcpy(info.count.data(), bytes.data() + 8, sizeof info.count);
    return "ok";
  }
  static Info info_of(const SocketRef& socket) {
    Info info;
    EXPECT_EQ(read_info(socket, info), "ok");
    return info;
  }
  static std::string try_keys(const SocketRef& socket, ByteString asked) {
    return outcome(socket->get_option(IPPROTO_TCP, kGetKeys, asked));
  }
  // The keys that matched, of which `asked` has room for some.
  static std::vector<Entry> keys_of(const SocketRef& socket, ByteString asked, std::uint32_t matched) {
    std::uint32_t room = 0;
    std::memcpy(&room, asked.data() + 272, sizeof room);
    const auto got = socket->get_option(IPPROTO_TCP, kGetKeys, asked);
    EXPECT_TRUE(got && *got == kEntryBytes) << outcome(got);
    std::uint32_t count = 0;
    std::memcpy(&count, asked.data() + 272, sizeof count);
    EXPECT_EQ(count, matched);
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < std::min(count, room); ++i)
      entries.push_back({ByteString(asked.begin() + static_cast<std::ptrdiff_t>(i * kEntryBytes),
                                    asked.begin() + static_cast<std::ptrdiff_t>((i + 1) * kEntryBytes))});
    return entries;
  }
  // What the left host sends now; it does not get through.
  ByteString in_flight() {
    left.stack.poll(now);
    PacketList packets;
    pipe.right().receive(now, packets, 1);
    PacketPtr segment = packets.pop_front();
    ByteString bytes(segment ? segment->size() : 28);
    if (segment) segment->serialize(bytes);
    return bytes;
  }
  // An ICMP error of 10.0.0.2 about it, and a second for what is lost to be sent again.
  void report_about(const ByteString& about, unsigned type, unsigned code, unsigned mtu = 0) {
    ByteString message = bytes_of({type, code, 0, 0, 0, 0, mtu >> 8, mtu & 0xff}) +
                         ByteString(about.begin(), about.begin() + 28);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < message.size(); i += 2) sum += load16(message.data() + i);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    store16(message.data() + 2, static_cast<std::uint16_t>(~sum));
    Ipv4Header header;
    header.source = at("10.0.0.2", 0).address;
    header.destination = at("10.0.0.1", 0).address;
    header.protocol = 1;
    header.total_bytes = static_cast<std::uint16_t>(kIpv4HeaderMin + message.size());
    ByteString bytes(kIpv4HeaderMin);
    emit_ipv4(header, bytes);
    PacketList packets;
    packets.push_back(pool.from_bytes(bytes + message));
    pipe.right().transmit(now, packets);
    run(1s);
  }
  // A signed connection from left to right: {client, server}; the listener goes.
  std::pair<SocketRef, SocketRef> signed_pair(bool over_v6 = false) {
    const std::string us = over_v6 ? "fd00::1" : "10.0.0.1", them = over_v6 ? "fd00::2" : "10.0.0.2";
    SocketRef listener = right.listener(at(them, 179));
    EXPECT_EQ(add(listener, {.peer = us}), "ok");
    SocketRef client = left.tcp(over_v6 ? kInet6 : kInet);
    EXPECT_EQ(add(client, {.peer = them}), "ok");
    EXPECT_EQ(attempt(client, at(them, 179)), "ok");
    SocketRef server = *listener->accept();
    listener->close();
    return {client, server};
  }
};

TEST_F(AoRead, WithoutTcpAoThereIsNothingToRead) {
  SocketRef plain = left.tcp();
  Info info;
  EXPECT_EQ(read_info(plain, info), "ENOENT");
  EXPECT_EQ(try_keys(plain, question(kGetAll, 1)), "ENOENT");
  // Once it was set, everything is there, be it zero.
  EXPECT_EQ(outcome(plain->set_option(IPPROTO_TCP, kInfo, ao_info(0, 0, 0))), "ok");
  EXPECT_EQ(info_of(plain).flags, 0u);
  EXPECT_TRUE(keys_of(plain, question(kGetAll, 1), 0).empty());
  // A connection that has begun without it does not get it.
  auto [client, server] = connect_pair();
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kInfo, ao_info(0, 0, 0))), "EINVAL");
}

TEST_F(AoRead, CountsWhatArrives) {
  SocketRef listener = right.listener(at("10.0.0.2", 179));
  ASSERT_EQ(add(listener, {.peer = "10.0.0.0", .prefix = 24}), "ok");
  EXPECT_EQ(attempt(left.tcp(), at("10.0.0.2", 179)), "EALREADY");
  SocketRef wrong = left.tcp();
  ASSERT_EQ(add(wrong, {.secret = "other"}), "ok");
  EXPECT_EQ(attempt(wrong, at("10.0.0.2", 179)), "EALREADY");
  SocketRef unknown = left.tcp();
  ASSERT_EQ(add(unknown, {.send_id = 2, .receive_id = 2}), "ok");
  EXPECT_EQ(attempt(unknown, at("10.0.0.2", 179)), "EALREADY");
  const Info of_listener = info_of(listener);
  EXPECT_EQ(of_listener.flags, 0u);  // no key of a listener is current
  EXPECT_EQ(of_listener.count,
            (std::array<std::uint64_t, 5>{0, dropped(Drop::ao_bad), dropped(Drop::ao_key_not_found),
                                          dropped(Drop::ao_required), 0}));
  EXPECT_GE(of_listener.count[1], 2u);
  EXPECT_GE(of_listener.count[2], 2u);
  EXPECT_GE(of_listener.count[3], 2u);

  SocketRef client = left.tcp();
  ASSERT_EQ(add(client, {}), "ok");
  ASSERT_EQ(attempt(client, at("10.0.0.2", 179)), "ok");
  SocketRef server = *listener->accept();
  // The SYN and the handshake's last ACK are the listener's, the SYN-ACK is the client's.
  EXPECT_EQ(info_of(listener).count[0], 2u);
  EXPECT_EQ(info_of(server).count, (std::array<std::uint64_t, 5>{}));
  EXPECT_EQ(info_of(client).count[0], 1u);
  EXPECT_EQ(transfer(client, server, "one"), "one");
  EXPECT_EQ(info_of(server).count, (std::array<std::uint64_t, 5>{1}));
  const Info of_client = info_of(client);
  EXPECT_EQ(of_client.flags, kSetCurrent | kSetNext);
  EXPECT_EQ(of_client.current, 1u);
  EXPECT_EQ(of_client.next, 1u);
  const auto keys = keys_of(listener, question(kGetAll, 4), 1);
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].good(), 2u);
  EXPECT_EQ(keys[0].bad(), info_of(listener).count[1]);
  EXPECT_EQ(keys_of(server, question(kGetAll, 4), 1)[0].good(), 1u);
}

TEST_F(AoRead, CountersCanBeSet) {
  auto [client, server] = signed_pair();
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kInfo, ao_info(kSetCounters, 0, 0, {5, 4, 3, 2, 1}))),
            "ok");
  EXPECT_EQ(info_of(client).count, (std::array<std::uint64_t, 5>{5, 4, 3, 2, 1}));
  EXPECT_EQ(keys_of(client, question(kGetAll, 1), 1)[0].good(), 1u);  // a key's are its own
  EXPECT_EQ(transfer(server, client, "one"), "one");
  EXPECT_EQ(info_of(client).count, (std::array<std::uint64_t, 5>{6, 4, 3, 2, 1}));
  // Another key makes another ring: what was counted stays.
  ASSERT_EQ(add(client, {.send_id = 2, .receive_id = 2, .secret = "new"}), "ok");
  EXPECT_EQ(info_of(client).count[0], 6u);
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kInfo, ao_info(kRequired | kAcceptIcmp, 0, 0))), "ok");
  EXPECT_EQ(info_of(client).flags, kSetCurrent | kSetNext | kRequired | kAcceptIcmp);
  EXPECT_EQ(info_of(client).count[0], 6u);
}

TEST_F(AoRead, TheKeysThatWereAskedFor) {
  SocketRef s = left.tcp(kInet6);
  ASSERT_EQ(add(s, {.peer = "fd00::2", .send_id = 1, .receive_id = 11, .secret = "host", .key_flags = 2}),
            "ok");
  ASSERT_EQ(add(s, {.peer = "fd01::",
                    .send_id = 2,
                    .receive_id = 12,
                    .algorithm = "cmac(aes128)",
                    .code_bytes = 16,
                    .flags = kSetCurrent,
                    .prefix = 32}),
            "ok");
  ASSERT_EQ(add(s, {.peer = "::", .send_id = 3, .receive_id = 13, .flags = kSetNext, .prefix = 0}), "ok");
  const auto all = keys_of(s, question(kGetAll, 8), 3);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].key(), "host");
  EXPECT_EQ(all[0].algorithm(), "hmac(sha1)");
  EXPECT_EQ(all[0].key_flags(), 2u);
  EXPECT_EQ(all[0].code_bytes(), 12u);
  EXPECT_EQ(all[0].prefix(), 128u);
  EXPECT_EQ(ByteString(all[0].bytes.begin(), all[0].bytes.begin() + 128), address_of("fd00::2"));
  EXPECT_EQ(all[1].algorithm(), "cmac(aes128)");
  EXPECT_EQ(all[1].code_bytes(), 16u);
  EXPECT_EQ(all[1].flags(), kIsCurrent);
  EXPECT_EQ(all[2].flags(), kIsNext);
  EXPECT_EQ(all[2].prefix(), 0u);
  // As many as there is room for; how many there are is told anyway.
  EXPECT_EQ(keys_of(s, question(kGetAll, 2), 3)[1].receive_id(), 12u);
  EXPECT_TRUE(keys_of(s, question(kGetAll, 0), 3).empty());
  EXPECT_EQ(keys_of(s, question(kIsCurrent, 2), 1)[0].send_id(), 2u);
  EXPECT_EQ(keys_of(s, question(kIsNext, 2), 1)[0].send_id(), 3u);
  EXPECT_EQ(keys_of(s, question(kIsCurrent | kIsNext, 2), 2).size(), 2u);
  // By address, as far as the question goes, and both IDs.
  EXPECT_EQ(keys_of(s, question_for("fd00::2", 128, 1, 11, 1), 1)[0].key(), "host");
  EXPECT_EQ(keys_of(s, question_for("fd00::", 16, 1, 11, 1), 1)[0].key(), "host");
  EXPECT_EQ(keys_of(s, question_for("fd02::", 16, 3, 13, 1), 1)[0].send_id(), 3u);  // everybody's
  EXPECT_TRUE(keys_of(s, question_for("fd00::3", 128, 1, 11, 1), 0).empty());
  EXPECT_TRUE(keys_of(s, question_for("fd00::2", 128, 1, 12, 1), 0).empty());
  EXPECT_TRUE(keys_of(s, question_for("10.0.0.2", 32, 3, 13, 1), 0).empty());  // another family
}

TEST_F(AoRead, WrongQuestions) {
  SocketRef s = left.tcp();
  ASSERT_EQ(add(s, {}), "ok");
  EXPECT_EQ(try_keys(s, question(8, 1)), "EINVAL");
  EXPECT_EQ(try_keys(s, question(kGetAll | kIsCurrent, 1)), "EINVAL");
  EXPECT_EQ(try_keys(s, question(0, 1)), "EAFNOSUPPORT");
  EXPECT_EQ(try_keys(s, question_for("10.0.0.2", 33, 1, 1, 1)), "EINVAL");
  EXPECT_EQ(try_keys(s, question_for("10.0.0.2", 24, 1, 1, 1)), "EINVAL");  // bits behind the prefix
  EXPECT_EQ(try_keys(s, question_for("0.0.0.0", 8, 1, 1, 1)), "EINVAL");
  EXPECT_EQ(try_keys(s, question_for("10.0.0.2", 0, 1, 1, 1)), "EINVAL");
  ByteString two = question_for("10.0.0.2", 32, 1, 1, 1);
  two[276] = std::byte{kGetAll};
  EXPECT_EQ(try_keys(s, two), "EINVAL");
  ByteString counted = question(kGetAll, 1);
  counted[290] = std::byte{1};
  EXPECT_EQ(try_keys(s, counted), "EINVAL");
  EXPECT_EQ(try_keys(s, {}), "EINVAL");
  // A program that knows more fields than there are: zeros are fine.
  ByteString longer = question(kGetAll, 1) + zeros(8);
  EXPECT_EQ(try_keys(s, longer), "ok");
  longer.back() = std::byte{1};
  EXPECT_EQ(try_keys(s, longer), "E2BIG");
  ByteString info(48);
  info[4] = std::byte{1};
  EXPECT_EQ(outcome(s->get_option(IPPROTO_TCP, kInfo, info)), "EINVAL");
  info = ByteString(56);
  info[50] = std::byte{1};
  EXPECT_EQ(outcome(s->get_option(IPPROTO_TCP, kInfo, info)), "E2BIG");
}

// RFC 5925 7.8: hard errors are ignored until they are asked for. Of fragmentation needed one sees it.
TEST_F(AoRead, IcmpErrorsAreIgnoredUnlessAccepted) {
  auto [client, server] = signed_pair();
  const auto report = [&, c = client](unsigned type, unsigned code, unsigned mtu = 0) {
    EXPECT_TRUE(send(c, "data"));
    report_about(in_flight(), type, code, mtu);
  };
  const auto send_mss = [&, c = client] { return c->report().tcp->send_mss; };
  const auto mss = send_mss();
  report(3, 2);
  report(3, 3);
  report(3, 4, 1000);
  EXPECT_EQ(info_of(client).count[4], 3u);
  EXPECT_EQ(left.stack.drops()[Drop::ao_icmp], 3u);
  EXPECT_EQ(send_mss(), mss);
  report(3, 1);  // a soft error
  EXPECT_EQ(info_of(client).count[4], 3u);
  EXPECT_EQ(outcome(client->set_option(IPPROTO_TCP, kInfo, ao_info(kAcceptIcmp, 0, 0))), "ok");
  report(3, 4, 1000);
  EXPECT_EQ(info_of(client).count[4], 3u);
  EXPECT_EQ(send_mss(), mss - 500);
  EXPECT_EQ(left.stack.drops()[Drop::ao_icmp], 3u);
  EXPECT_EQ(receive(server).substr(0, 8), "datadata");
}

// While a connection is not synchronized, an error ends it like any other (RFC 5925 7.8).
TEST_F(AoRead, IcmpErrorsEndAnAttempt) {
  SocketRef client = left.tcp();
  ASSERT_EQ(add(client, {}), "ok");
  (void)client->connect(at("10.0.0.2", 179));
  report_about(in_flight(), 3, 3);
  EXPECT_EQ(outcome(client->connect(at("10.0.0.2", 179))), "ECONNREFUSED");
}

}  // namespace
}  // namespace sockeye

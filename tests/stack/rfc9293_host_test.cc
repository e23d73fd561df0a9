// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Requirements of RFC 9293 that concern TCP together with IP and the sockets above: checksums, addresses,
// Diffserv, groups. The peer is a stranger who sees and sends whole packets.
#include <netinet/in.h>
#include <sys/socket.h>

#include "stack/packets.h"
#include "wire/tcp.h"

namespace sockeye {
namespace {

class TcpHost : public Stranger {
 protected:
  static TcpHeader header(unsigned from, unsigned to, std::uint32_t seq, TcpFlags flags) {
    TcpHeader tcp;
    tcp.source_port = static_cast<std::uint16_t>(from);
    tcp.destination_port = static_cast<std::uint16_t>(to);
    tcp.seq = SeqNum(seq);
    tcp.flags = flags;
    tcp.window = 65535;
    return tcp;
  }
  static ByteString bytes(const TcpHeader& tcp) {
    ByteString out(tcp_emit_size(tcp));
    emit_tcp(tcp, out);
    return out;
  }
  ByteString packet(const TcpHeader& tcp, const char* from = "10.0.0.9", const char* to = "10.0.0.2") {
    Ipv4Header ip;
    ip.protocol = 6;
    ip.source = *IpAddress::parse(from);
    ip.destination = *IpAddress::parse(to);
    return correct(v4(ip, bytes(tcp)));
  }
  ByteString syn(const char* from = "10.0.0.9", const char* to = "10.0.0.2", unsigned from_port = 4000) {
    return packet(header(from_port, 80, 1000, {.syn = true}), from, to);
  }
  // The TCP header of an answer; a failure and an empty one when it is none.
  static TcpHeader tcp_of(const ByteString& answer) {
    const Bytes segment = Bytes(answer).subspan(20);
    const auto parsed = parse_tcp(segment.first(tcp_header_bytes(segment)));
    EXPECT_TRUE(parsed);
    return parsed.value_or(TcpHeader());
  }
  // The one packet that the host has sent.
  ByteString only_answer(int line = __builtin_LINE()) {
    auto sent = answers();
    EXPECT_EQ(sent.size(), 1u) << "line " << line;
    return sent.empty() ? ByteString(40) : sent[0];
  }
  static IpAddress source_of(const ByteString& answer) { return load_ipv4_address(answer.data() + 12); }
  static std::string outcome(const Result<>& result) {
    return result ? "ok" : std::string(name_of(result.error()));
  }
  static Result<> set_int(const SocketRef& socket, int level, int name, int value) {
    return socket->set_option(level, name, {reinterpret_cast<const std::byte*>(&value), sizeof value});
  }
  SocketRef listening() { return host.listener(at("0.0.0.0", 80)); }
  // Answers the host's SYN.
  void accept_syn(const ByteString& syn_sent) {
    const TcpHeader theirs = tcp_of(syn_sent);
    TcpHeader ours = header(theirs.destination_port, theirs.source_port, 5000, {.syn = true, .ack = true});
    ours.ack = theirs.seq + 1;
    inject(packet(ours));
  }
};

// RFC 9293 3.1 MUST-2, MUST-3
TEST_F(TcpHost, ChecksumsAreWrittenAndVerified) {
  SocketRef listener = listening();
  for (std::size_t i = 20; i < 40; ++i) {
    ByteString bad = syn();
    bad[i] ^= std::byte{0x10};
    if (i == 32) continue;  // the data offset: another reason comes first
    expect_drop(Drop::bad_checksum, bad);
  }
  inject(syn());
  const ByteString answer = only_answer();
  EXPECT_EQ(answer, correct(answer));
  ByteString wrong = answer;
  wrong[36] ^= std::byte{1};
  EXPECT_NE(wrong, correct(wrong));
}

// RFC 9293 3.9.2.3 MUST-57, MUST-63
TEST_F(TcpHost, ASynToAGroupOrFromNobodyIsNotAnswered) {
  SocketRef listener = listening();
  for (const char* to : {"10.0.0.255", "255.255.255.255", "224.0.0.1"}) {
    inject(syn("10.0.0.9", to));
    EXPECT_TRUE(answers().empty()) << to;
  }
  for (const char* from :
       {"10.0.0.255", "255.255.255.255", "224.0.0.1", "0.0.0.0", "127.0.0.1", "240.0.0.1"}) {
    inject(syn(from));
    EXPECT_TRUE(answers().empty()) << from;
  }
  EXPECT_EQ(host.stack.drops().total(), 9u);
  inject(syn());
  (void)only_answer();
}

// RFC 9293 3.9.1.1 MUST-46
TEST_F(TcpHost, NoConnectionToAGroup) {
  for (const char* to : {"10.0.0.255", "255.255.255.255", "224.0.0.1"}) {
    SocketRef client = host.tcp();
    EXPECT_EQ(outcome(client->connect(at(to, 80))), "ENETUNREACH") << to;
  }
  SocketRef client = host.tcp(kInet6);
  EXPECT_EQ(outcome(client->connect(at("ff02::1", 80))), "ENETUNREACH");
  turn();
  EXPECT_TRUE(answers().empty());
}

// RFC 9293 3.9.2 MUST-50
TEST_F(TcpHost, UnknownIpOptionsArePassedOver) {
  SocketRef listener = listening();
  const ByteString plain = syn();
  // An option of kind 94, four bytes long.
  ByteString with_option(plain.begin(), plain.begin() + 20);
  with_option = with_option + bytes_of({94, 4, 1, 2}) + ByteString(plain.begin() + 20, plain.end());
  with_option[0] = std::byte{0x46};
  store16(with_option.data() + 2, static_cast<std::uint16_t>(with_option.size()));
  store16(with_option.data() + 10, 0);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 24; i += 2) sum += load16(with_option.data() + i);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  store16(with_option.data() + 10, static_cast<std::uint16_t>(~sum));
  inject(with_option);
  const TcpHeader answer = tcp_of(only_answer());
  EXPECT_TRUE(answer.flags.syn && answer.flags.ack);
}

// RFC 9293 3.9.1.1 MUST-43, MUST-44, MUST-45
TEST_F(TcpHost, TheLocalAddressIsNamedOrChosenAndStays) {
  static Pipe other{{.mtu = 1500}};  // outlives the host
  host.stack.add_interface("eth1", other.right(), {{*IpAddress::parse("10.1.0.2"), 24}});
  for (const bool named : {false, true}) {
    SocketRef client = host.tcp();
    if (named) {
      ASSERT_TRUE(client->bind(at("10.1.0.2", 0)));
    }
    EXPECT_EQ(client->connect(at("10.0.0.9", 80)).error(), Errno::inprogress);
    const IpAddress local = *IpAddress::parse(named ? "10.1.0.2" : "10.0.0.2");
    EXPECT_EQ(client->local().address, local);
    turn();
    EXPECT_EQ(source_of(only_answer()), local);
    advance(1s);
    EXPECT_EQ(source_of(only_answer()), local);
  }
}

// RFC 9293 3.9.1.9 MUST-48, SHLD-21, SHLD-22
// RFC 9293 3.9.2 MUST-49
TEST_F(TcpHost, DiffservAndTimeToLiveAreTheProgramsToSet) {
  SocketRef client = host.tcp();
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_TOS, 0xb8));
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_TTL, 7));
  EXPECT_EQ(client->connect(at("10.0.0.9", 80)).error(), Errno::inprogress);
  turn();
  const ByteString sent = only_answer();
  EXPECT_EQ(sent[1], std::byte{0xb8});
  EXPECT_EQ(sent[8], std::byte{7});
  accept_syn(sent);
  EXPECT_EQ(only_answer()[1], std::byte{0xb8});
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_TOS, 0x28));
  ASSERT_TRUE(set_int(client, IPPROTO_IP, IP_TTL, 9));
  EXPECT_TRUE(client->shutdown(1));
  turn();
  const ByteString fin = only_answer();
  EXPECT_EQ(fin[1], std::byte{0x28});
  EXPECT_EQ(fin[8], std::byte{9});
}

// RFC 9293 3.9.1.1 MUST-41, MUST-42
TEST_F(TcpHost, AListenerBesideAConnectionThatIsBeingOpened) {
  SocketRef client = host.tcp();
  ASSERT_TRUE(set_int(client, SOL_SOCKET, SO_REUSEADDR, 1));
  ASSERT_TRUE(client->bind(at("10.0.0.2", 80)));
  EXPECT_EQ(client->connect(at("10.0.0.9", 80)).error(), Errno::inprogress);
  turn();
  const ByteString sent = only_answer();
  SocketRef listener = host.tcp();
  ASSERT_TRUE(set_int(listener, SOL_SOCKET, SO_REUSEADDR, 1));
  ASSERT_TRUE(listener->bind(at("10.0.0.2", 80)));
  ASSERT_TRUE(listener->listen(5));
  inject(syn());  // somebody for the listener
  EXPECT_TRUE(tcp_of(only_answer()).flags.syn);
  accept_syn(sent);  // and the answer for the connection
  EXPECT_FALSE(tcp_of(only_answer()).flags.rst);
  EXPECT_EQ(outcome(client->connect(at("10.0.0.9", 80))), "ok");
}

}  // namespace
}  // namespace sockeye

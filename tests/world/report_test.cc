// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The tables of 127.0.0.1 are what ss of iproute2 6.1.0 printed for such sockets.
#include "world/report.h"

#include <gtest/gtest.h>

namespace sockeye::world {
namespace {

using tcp::State;

constexpr auto kV4 = [](std::uint8_t last) { return IpAddress::v4(127, 0, 0, last); };

SocketRow stream(State state, Endpoint local, Endpoint remote) {
  SocketRow row;
  row.host = "host";
  row.report.is_stream = true;
  row.report.state = state;
  row.report.local = local;
  row.report.remote = remote;
  return row;
}

SocketRow listener(Endpoint local, std::uint32_t backlog) {
  SocketRow row = stream(State::listen, local, {IpAddress::any_v4(), 0});
  row.report.send_queue = backlog;
  return row;
}

std::vector<SocketRow> web_server() {
  std::vector<SocketRow> rows = {
      stream(State::established, {kV4(1), 18080}, {kV4(1), 35452}), listener({kV4(1), 18080}, 5),
      stream(State::time_wait, {kV4(1), 48191}, {kV4(1), 42086}), listener({IpAddress::any_v4(), 2024}, 128)};
  rows[0].inode = 4;
  rows[1].inode = 3;
  return rows;
}

TableLookups lookups() {
  return {[](std::uint64_t inode) {
            std::vector<SocketUser> users;
            if (inode == 4) users = {{"python3", 15152, 4}};
            if (inode == 3) users = {{"python3", 15152, 3}, {"python3", 15153, 3}};
            return users;
          },
          [](std::uint16_t port, bool) { return port == 80 ? std::string("http") : std::string(); }};
}

TableOptions options(std::string_view letters) {
  TableOptions options;
  for (const char c : letters) {
    if (c == 't') options.tcp = true;
    if (c == 'u') options.udp = true;
    if (c == 'a') options.all = true;
    if (c == 'l') options.listening = true;
    if (c == 'n') options.numeric = true;
    if (c == 'p') options.processes = true;
    if (c == 'i') options.info = true;
    if (c == 'o') options.timers = true;
    if (c == 'e') options.extended = true;
    if (c == 'H') options.no_header = true;
    if (c == '4') options.v4 = true;
    if (c == '6') options.v6 = true;
  }
  return options;
}

TEST(SocketTable, columns_are_those_of_ss_tan) {
  EXPECT_EQ(format_table(web_server(), options("tan"), lookups()),
            "State     Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"
            "LISTEN    0      5          127.0.0.1:18080      0.0.0.0:*           \n"
            "LISTEN    0      128          0.0.0.0:2024       0.0.0.0:*           \n"
            "ESTAB     0      0          127.0.0.1:18080    127.0.0.1:35452       \n"
            "TIME-WAIT 0      0          127.0.0.1:48191    127.0.0.1:42086       \n");
}

TEST(SocketTable, without_a_header_the_widths_are_those_of_the_rows) {
  EXPECT_EQ(format_table(web_server(), options("Htan"), lookups()),
            "LISTEN    0      5      127.0.0.1:18080   0.0.0.0:*    \n"
            "LISTEN    0      128      0.0.0.0:2024    0.0.0.0:*    \n"
            "ESTAB     0      0      127.0.0.1:18080 127.0.0.1:35452\n"
            "TIME-WAIT 0      0      127.0.0.1:48191 127.0.0.1:42086\n");
}

TEST(SocketTable, processes_are_named) {
  EXPECT_EQ(format_table(web_server(), options("tanp"), lookups()),
            "State     Recv-Q Send-Q Local Address:Port  Peer Address:Port Process" + std::string(55, ' ') +
                "\n" + "LISTEN    0      5          127.0.0.1:18080      0.0.0.0:*     " +
                "users:((\"python3\",pid=15152,fd=3),(\"python3\",pid=15153,fd=3))\n" +
                "LISTEN    0      128          0.0.0.0:2024       0.0.0.0:*     " + std::string(61, ' ') +
                "\n" + "ESTAB     0      0          127.0.0.1:18080    127.0.0.1:35452 " +
                "users:((\"python3\",pid=15152,fd=4))" + std::string(27, ' ') + "\n" +
                "TIME-WAIT 0      0          127.0.0.1:48191    127.0.0.1:42086 " + std::string(61, ' ') +
                "\n");
}

TEST(SocketTable, without_a_or_l_only_what_is_connected) {
  EXPECT_EQ(format_table(web_server(), options("tn"), lookups()),
            "State Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"
            "ESTAB 0      0          127.0.0.1:18080    127.0.0.1:35452       \n");
}

SocketRow datagram(bool v6, State state, Endpoint local, Endpoint remote) {
  SocketRow row;
  row.host = "host";
  row.report.is_v6 = v6;
  row.report.state = state;
  row.report.local = local;
  row.report.remote = remote;
  return row;
}

TEST(SocketTable, datagrams_come_first_and_the_wildcard_of_both_families_is_a_star) {
  const std::vector<SocketRow> rows = {listener({kV4(1), 18080}, 5),
                                       datagram(true, State::closed, {IpAddress::any_v6(), 5555}, {}),
                                       listener({IpAddress::any_v4(), 2024}, 128)};
  EXPECT_EQ(format_table(rows, options("tuln"), lookups()),
            "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n"
            "udp   UNCONN 0      0                  *:5555             *:*          \n"
            "tcp   LISTEN 0      5          127.0.0.1:18080      0.0.0.0:*          \n"
            "tcp   LISTEN 0      128          0.0.0.0:2024       0.0.0.0:*          \n");
}

TEST(SocketTable, with_one_kind_and_one_state_left_there_is_no_column_for_it) {
  const std::vector<SocketRow> rows = {datagram(false, State::established, {kV4(1), 56515}, {kV4(1), 9999})};
  EXPECT_EQ(format_table(rows, options("u"), lookups()),
            "Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n"
            "0      0          127.0.0.1:56515    127.0.0.1:9999       \n");
}

TEST(SocketTable, addresses_of_ipv6_sockets) {
  const IpAddress peer = *IpAddress::parse("fd00:50c:e7e::2");
  std::vector<SocketRow> rows = {stream(State::established, {peer, 80}, {peer, 40000}),
                                 stream(State::established, {kV4(1), 80}, {kV4(1), 40001}),
                                 stream(State::listen, {IpAddress::any_v6(), 22}, {IpAddress::any_v6(), 0})};
  for (SocketRow& row : rows) row.report.is_v6 = true;
  rows[2].report.v6only = true;
  EXPECT_EQ(format_table(rows, options("Hta"), lookups()),
            "LISTEN 0      0                    [::]:22                 [::]:*    \n"
            "ESTAB  0      0       [fd00:50c:e7e::2]:http  [fd00:50c:e7e::2]:40000\n"
            "ESTAB  0      0      [::ffff:127.0.0.1]:http [::ffff:127.0.0.1]:40001\n");
}

TEST(SocketTable, families_and_hosts_are_filters) {
  std::vector<SocketRow> rows = web_server();
  rows[0].report.is_v6 = true;
  EXPECT_EQ(format_table(rows, options("Htn6"), lookups()),
            "ESTAB 0      0      [::ffff:127.0.0.1]:18080 [::ffff:127.0.0.1]:35452\n");
  rows[0].report.is_v6 = false;
  rows[3].host = "other";
  EXPECT_EQ(format_table(rows, options("Htln"), lookups()),
            "host  LISTEN 0      5      127.0.0.1:18080 0.0.0.0:*\n"
            "other LISTEN 0      128      0.0.0.0:2024  0.0.0.0:*\n");
  TableOptions one = options("Htln");
  one.host = "other";
  EXPECT_EQ(format_table(rows, one, lookups()), "LISTEN 0      128    0.0.0.0:2024 0.0.0.0:*\n");
}

SocketRow busy_connection() {
  SocketRow row = stream(State::established, {kV4(1), 80}, {kV4(2), 40000});
  tcp::Info& info = row.report.tcp.emplace();
  info.timestamps = info.sack = info.window_scaling = true;
  info.send_window_scale = 7;
  info.receive_window_scale = 8;
  info.rto = 244ms;
  info.srtt = 41234us;
  info.rttvar = 5us;
  info.min_rtt = 40ms;
  info.send_mss = 1448;
  info.path_mtu = 1500;
  info.receive_mss = 536;
  info.advertised_mss = 1448;
  info.cwnd_segments = 20;
  info.cwnd_bytes = 20 * 1448;
  info.ssthresh_bytes = 16 * 1448;
  info.bytes_sent = 100'000;
  info.bytes_acked = 98'000;
  info.segments_out = 71;
  info.since_last_data_sent = 12ms;
  info.unacked_segments = 2;
  info.total_retransmits = 3;
  info.congestion_control = "cubic";
  info.timer = "on";
  info.timer_left = 204ms;
  return row;
}

TEST(SocketTable, facts_stand_below_their_connection_in_the_words_of_ss) {
  EXPECT_EQ(
      format_info(busy_connection().report),
      " ts sack cubic wscale:7,8 rto:244 rtt:41.234/0.005 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:20 "
      "ssthresh:16 bytes_sent:100000 bytes_acked:98000 segs_out:71 send 5618664bps lastsnd:12 unacked:2 "
      "retrans:0/3 minrtt:40");
  const std::string table = format_table({busy_connection()}, options("Htni"), lookups());
  EXPECT_NE(table.find("\n\t ts sack cubic"), std::string::npos) << table;
}

TEST(SocketTable, timers_are_written_as_ss_writes_them) {
  SocketRow row = busy_connection();
  const auto shown = [&](Duration left) {
    row.report.tcp->timer_left = left;
    const std::string table = format_table({row}, options("Htno"), lookups());
    return table.substr(table.find("timer"));
  };
  EXPECT_EQ(shown(204ms), "timer:(on,204ms,0)\n");
  EXPECT_EQ(shown(4ms), "timer:(on,004ms,0)\n");
  EXPECT_EQ(shown(1204ms), "timer:(on,1.204ms,0)\n");
  EXPECT_EQ(shown(59s), "timer:(on,59sec,0)\n");
  EXPECT_EQ(shown(119min + 4s), "timer:(on,119min,0)\n");
  EXPECT_EQ(shown(2min + 5s), "timer:(on,2min5sec,0)\n");
}

TEST(SocketTable, the_mark_is_told_to_who_asks_for_more) {
  SocketRow row = busy_connection();
  row.inode = 4711;
  row.report.cookie = 0x2a;
  const auto shown = [&] {
    const std::string table = format_table({row}, options("Htne"), lookups());
    return table.substr(table.find("ino"));
  };
  EXPECT_EQ(shown(), "ino:4711 sk:2a\n");
  row.report.mark = 666;
  EXPECT_EQ(shown(), "ino:4711 sk:2a fwmark:0x29a\n");
}

TEST(SocketRow, what_is_written_is_read_back) {
  SocketRow row = busy_connection();
  row.report.cookie = 77;
  row.report.mark = 666;
  row.report.receive_queue = 9;
  row.inode = 4711;
  SocketRow back;
  ASSERT_TRUE(read_row(write_row(row), back)) << write_row(row);
  EXPECT_EQ(write_row(back), write_row(row));
  EXPECT_EQ(back.report.tcp->srtt, row.report.tcp->srtt);
  EXPECT_STREQ(back.report.tcp->congestion_control, "cubic");
  EXPECT_EQ(back.inode, 4711u);
  EXPECT_EQ(back.report.mark, 666u);
}

TEST(SocketRow, a_line_that_is_none_is_refused) {
  SocketRow row;
  const std::string good = write_row(busy_connection());
  EXPECT_FALSE(read_row("", row));
  EXPECT_FALSE(read_row("next 12", row));
  EXPECT_FALSE(read_row(good + " 1", row));
  EXPECT_FALSE(read_row(good.substr(0, good.size() - 4), row));
  for (std::size_t length = 0; length < good.size(); length += 7) read_row(good.substr(0, length), row);
}

}  // namespace
}  // namespace sockeye::world

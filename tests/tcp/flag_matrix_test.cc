// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Every combination of FIN, SYN, RST and ACK in every state, at four places of the sequence space, as one
// table (hostile.md D14). What a line says is judged by RFC 9293 3.10.7 and RFC 5961; a change of the
// table is a change of behaviour. UPDATE_GOLDEN=1 rewrites it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

#include "tcp/tcp_bench.h"

namespace sockeye::tcp {
namespace {

struct Start {
  const char* name;
  std::function<void(TcpBench&)> reach;
  std::uint32_t peer_next;  // the next number of the peer
  std::uint32_t our_next;   // and ours
};

const Start kStarts[] = {
    {"LISTEN", [](TcpBench& t) { t.listen(); }, 0, 1},
    {"SYN-SENT",
     [](TcpBench& t) {
       t.open_active();
       t.expect("S 0:0(0)");
     },
     0, 1},
    {"SYN-RECEIVED of a listener",
     [](TcpBench& t) {
       t.listen();
       t.peer("S 0:0(0) win 65535 <mss 1460>");
       t.expect("S. 0:0(0) ack 1");
     },
     1, 1},
    {"SYN-RECEIVED after a simultaneous open",
     [](TcpBench& t) {
       t.open_active();
       t.expect("S 0:0(0)");
       t.peer("S 0:0(0) win 65535 <mss 1460>");
       t.expect("S. 0:0(0) ack 1");
     },
     1, 1},
    {"ESTABLISHED", [](TcpBench& t) { t.establish(); }, 1, 1},
    {"FIN-WAIT-1",
     [](TcpBench& t) {
       t.establish();
       t.app.shutdown_write();
       t.expect("F. 1:1(0) ack 1");
     },
     1, 2},
    {"FIN-WAIT-2",
     [](TcpBench& t) {
       t.establish();
       t.app.shutdown_write();
       t.expect("F. 1:1(0) ack 1");
       t.peer(". 1:1(0) ack 2");
     },
     1, 2},
    {"CLOSE-WAIT",
     [](TcpBench& t) {
       t.establish();
       t.peer("F. 1:1(0) ack 1");
       t.expect(". 1:1(0) ack 2");
     },
     2, 1},
    {"CLOSING",
     [](TcpBench& t) {
       t.establish();
       t.app.shutdown_write();
       t.expect("F. 1:1(0) ack 1");
       t.peer("F. 1:1(0) ack 1");
       t.expect(". 2:2(0) ack 2");
     },
     2, 2},
    {"LAST-ACK",
     [](TcpBench& t) {
       t.establish();
       t.peer("F. 1:1(0) ack 1");
       t.expect(". 1:1(0) ack 2");
       t.app.shutdown_write();
       t.expect("F. 1:1(0) ack 2");
     },
     2, 2},
};

struct Place {
  const char* name;
  std::int64_t offset;  // from the next number expected
};
constexpr Place kPlaces[] = {{"next", 0}, {"window", 1000}, {"below", -10}, {"beyond", 200'000}};

std::string flags_of(unsigned bits) {
  std::string text;
  if ((bits & 1) != 0) text += 'F';
  if ((bits & 2) != 0) text += 'S';
  if ((bits & 4) != 0) text += 'R';
  if ((bits & 8) != 0) text += '.';
  return text.empty() ? "-" : text;
}

// One segment in one state, and everything that came of it.
std::string outcome(const Start& start, unsigned bits, const Place& place) {
  TcpBench t;
  start.reach(t);
  const std::string seq = std::to_string(start.peer_next + place.offset);
  std::string line = flags_of(bits) + ' ' + seq + ':' + seq + "(0)";
  if ((bits & 8) != 0) line += " ack " + std::to_string(start.our_next);
  t.peer(line + " win 65535");
  std::string text;
  const auto add = [&](const std::string& what) {
    if (!text.empty()) text += ", ";
    text += what;
  };
  for (std::string sent = t.take_sent(); !sent.empty(); sent = t.take_sent()) {
    // Of a listener's and an unknown number nothing but the kind is comparable.
    add("sends " + sent.substr(0, sent.find(" win")));
  }
  if (t.has_connection()) {
    add(std::string(name_of(t.state())));
    if (const auto error = t.connection().error()) add(std::string(name_of(*error)));
  } else {
    add(t.syn_queue().size() == 0 ? "no entry" : "half open");
  }
  if (!t.drops().empty()) add("drop " + t.drops());
  return text;
}

TEST(FlagMatrix, EveryCombinationInEveryState) {
  std::string table;
  for (const Start& start : kStarts) {
    table += std::string(start.name) + '\n';
    for (const Place& place : kPlaces)
      for (unsigned bits = 0; bits < 16; ++bits) {
        std::string head = "  " + std::string(place.name) + std::string(8 - std::strlen(place.name), ' ');
        std::string flags = flags_of(bits);
        flags.resize(5, ' ');
        table += head + flags + outcome(start, bits, place) + '\n';
      }
  }
  const std::string path = std::string(SOCKEYE_SOURCE_DIR) + "/tests/golden/tcp_flags.txt";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << table;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing: run with UPDATE_GOLDEN=1";
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(table, golden.str()) << "if that is right, run with UPDATE_GOLDEN=1";
}

}  // namespace
}  // namespace sockeye::tcp

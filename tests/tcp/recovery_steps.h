// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The steps with which the traces of loss recovery begin: round trips of 100 ms, segments of 1000 bytes.
#pragma once

#include <cstdint>
#include <string>

#include "tcp_bench.h"

namespace sockeye::tcp {

inline BenchOptions with_sack() {
  return {.peer_options = "mss 1000,sackOK"};
}

inline std::string numbers(std::uint32_t begin, std::uint32_t end) {
  return std::to_string(begin) + ':' + std::to_string(end);
}
inline std::string data(std::uint32_t begin, std::uint32_t end, bool last = false) {
  return (last ? "P. " : ". ") + numbers(begin, end) + '(' + std::to_string(end - begin) + ") ack 1";
}
// An ACK of data that carries these options.
inline std::string ack_with(std::uint32_t number, const std::string& options) {
  return ". 1:1(0) ack " + std::to_string(number) + " win 65535" +
         (options.empty() ? "" : " <" + options + '>');
}

// A handshake of 100 ms, and one exchange: SRTT = min RTT = 100 ms.
inline void establish(TcpBench& t, const char* options = "mss 1000,sackOK") {
  t.open_active();
  t.expect("S 0:0(0)");
  t.after(100ms);
  t.peer(std::string("S. 0:0(0) ack 1 win 65535 <") + options + '>');
  t.expect(". 1:1(0) ack 1");
}
inline void measure(TcpBench& t) {
  t.app.send(1000);
  t.expect(data(1, 1001, true));
  t.after(100ms);
  t.peer(ack_with(1001, ""));
}

inline void send_segments(TcpBench& t, std::uint32_t from, std::uint32_t count) {
  t.app.send(count * 1000);
  for (std::uint32_t i = 0; i < count; ++i)
    t.expect(data(from + i * 1000, from + (i + 1) * 1000, i + 1 == count));
}

}  // namespace sockeye::tcp

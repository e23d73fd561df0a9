// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The line under a connection that `ss -i` prints, with ss's words in ss's order. A fact that is zero
// is left out, as there.
#include <cstdio>

#include "world/report.h"

namespace sockeye::world {

namespace {

class Words {
 public:
  void word(std::string_view text) {
    text_ += ' ';
    text_ += text;
  }
  void count(std::string_view name, std::uint64_t value) {
    if (value != 0) word(std::string(name) + ":" + std::to_string(value));
  }
  void milliseconds(std::string_view name, Duration value) {
    if (value > Duration::zero()) word(std::string(name) + ":" + number(ms(value)));
  }
  static double ms(Duration value) { return static_cast<double>(to_us(value)) / 1000.0; }
  static std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// Segments of mss per round trip, in bits per second (ss: "send").
std::string send_rate(const tcp::Info& info) {
  const double seconds = static_cast<double>(to_ns(info.srtt)) / 1e9;
  if (seconds <= 0) return {};
  const double rate = static_cast<double>(info.cwnd_bytes) * 8 / seconds;
  char text[48];
  std::snprintf(text, sizeof text, "send %.0fbps", rate);
  return text;
}

void add_shape(Words& words, const tcp::Info& info) {
  if (info.timestamps) words.word("ts");
  if (info.sack) words.word("sack");
  if (info.congestion_control[0] != '\0') words.word(info.congestion_control);
  if (info.window_scaling)
    words.word("wscale:" + std::to_string(info.send_window_scale) + "," +
               std::to_string(info.receive_window_scale));
  words.milliseconds("rto", info.rto);
  words.count("backoff", info.retransmits);
  if (info.srtt > Duration::zero())
    words.word("rtt:" + Words::number(Words::ms(info.srtt)) + "/" + Words::number(Words::ms(info.rttvar)));
  words.milliseconds("ato", info.delayed_ack);
  words.count("mss", info.send_mss);
  words.count("pmtu", info.path_mtu);
  words.count("rcvmss", info.receive_mss);
  words.count("advmss", info.advertised_mss);
  words.count("cwnd", info.cwnd_segments);
  if (info.ssthresh_bytes < 0x7fffffff && info.send_mss != 0)
    words.count("ssthresh", info.ssthresh_bytes / info.send_mss);
}

void add_counts(Words& words, const tcp::Info& info) {
  words.count("bytes_sent", info.bytes_sent);
  words.count("bytes_retrans", info.bytes_retransmitted);
  words.count("bytes_acked", info.bytes_acked);
  words.count("bytes_received", info.bytes_received);
  words.count("segs_out", info.segments_out);
  words.count("segs_in", info.segments_in);
  words.count("data_segs_out", info.data_segments_out);
  words.count("data_segs_in", info.data_segments_in);
}

}  // namespace

std::string format_info(const SocketReport& report) {
  if (!report.tcp) return {};
  const tcp::Info& info = *report.tcp;
  Words words;
  if (report.state == tcp::State::listen) {
    words.word(info.congestion_control);
    words.count("cwnd", info.cwnd_segments);
    return words.take();
  }
  add_shape(words, info);
  add_counts(words, info);
  if (const std::string rate = send_rate(info); !rate.empty()) words.word(rate);
  words.count("lastsnd", static_cast<std::uint64_t>(to_ms(info.since_last_data_sent)));
  words.count("lastrcv", static_cast<std::uint64_t>(to_ms(info.since_last_data_received)));
  words.count("lastack", static_cast<std::uint64_t>(to_ms(info.since_last_ack_received)));
  words.count("unacked", info.unacked_segments);
  if (info.retransmitted_segments != 0 || info.total_retransmits != 0)
    words.word("retrans:" + std::to_string(info.retransmitted_segments) + "/" +
               std::to_string(info.total_retransmits));
  words.count("lost", info.lost_segments);
  words.count("sacked", info.sacked_segments);
  words.count("rcv_space", info.receive_space);
  words.count("notsent", info.notsent_bytes);
  words.milliseconds("minrtt", info.min_rtt);
  words.count("snd_wnd", info.send_window);
  return words.take();
}

}  // namespace sockeye::world

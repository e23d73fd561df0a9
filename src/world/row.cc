// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A SocketRow as a line of words. The fields are named once, in visit(); writing and reading walk the
// same list, so they cannot disagree.
#include <array>
#include <charconv>

#include "world/report.h"

namespace sockeye::world {

namespace {

// Names of congestion controls and timers are static text in an Info: a reader maps the word to one
// of these. A word that is not here reads as "".
constexpr std::array<std::string_view, 10> kWords = {"",   "cubic",     "reno",     "newreno", "bbr",
                                                     "on", "keepalive", "timewait", "persist", "unknown"};

class Writer {
 public:
  void text(const std::string& value) { word(value.empty() ? "-" : value); }
  void literal(const char*& value) { word(value[0] == '\0' ? "-" : value); }
  template <class Number>
  void number(Number& value) {
    word(std::to_string(value));
  }
  void flag(bool& value) { word(value ? "1" : "0"); }
  void duration(Duration& value) { word(std::to_string(to_ns(value))); }
  void endpoint(Endpoint& value) {
    word(value.address.to_string());
    word(std::to_string(value.port));
  }
  std::string take() { return std::move(line_); }

 private:
  void word(std::string_view value) {
    if (!line_.empty()) line_ += ' ';
    line_ += value;
  }
  std::string line_;
};

class Reader {
 public:
  explicit Reader(std::string_view line) : rest_(line) {}
  void text(std::string& value) {
    const std::string_view found = word();
    value = found == "-" ? std::string() : std::string(found);
  }
  void literal(const char*& value) {
    const std::string_view found = word();
    value = "";
    for (const std::string_view known : kWords)
      if (known == found) value = known.data();
  }
  template <class Number>
  void number(Number& value) {
    const std::string_view found = word();
    const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), value);
    if (error != std::errc() || end != found.data() + found.size()) ok_ = false;
  }
  void flag(bool& value) {
    int read = 0;
    number(read);
    value = read != 0;
  }
  void duration(Duration& value) {
    std::int64_t ns = 0;
    number(ns);
    value = Duration(ns);
  }
  void endpoint(Endpoint& value) {
    const auto address = IpAddress::parse(word());
    if (address) value.address = *address;
    if (!address) ok_ = false;
    number(value.port);
  }
  bool done() const { return ok_ && rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view word() {
    const std::size_t end = rest_.find(' ');
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (found.empty()) ok_ = false;
    return found;
  }
  std::string_view rest_;
  bool ok_ = true;
};

template <class Archive>
void visit_info(Archive& a, tcp::Info& info) {
  a.flag(info.timestamps), a.flag(info.sack), a.flag(info.window_scaling);
  a.number(info.send_window_scale), a.number(info.receive_window_scale);
  a.duration(info.rto), a.duration(info.srtt), a.duration(info.rttvar), a.duration(info.min_rtt);
  a.duration(info.delayed_ack);
  a.number(info.send_mss), a.number(info.receive_mss), a.number(info.advertised_mss), a.number(info.path_mtu);
  a.number(info.cwnd_segments), a.number(info.cwnd_bytes), a.number(info.ssthresh_bytes);
  a.number(info.send_window), a.number(info.receive_window), a.number(info.receive_space);
  a.number(info.unacked_segments), a.number(info.sacked_segments), a.number(info.lost_segments);
  a.number(info.retransmitted_segments), a.number(info.retransmits), a.number(info.probes);
  a.number(info.reordering), a.number(info.reordering_seen), a.number(info.duplicates_reported);
  a.number(info.total_retransmits), a.number(info.bytes_sent), a.number(info.bytes_acked);
  a.number(info.bytes_received), a.number(info.bytes_retransmitted);
  a.number(info.segments_out), a.number(info.segments_in);
  a.number(info.data_segments_out), a.number(info.data_segments_in), a.number(info.notsent_bytes);
  a.duration(info.since_last_data_sent), a.duration(info.since_last_data_received);
  a.duration(info.since_last_ack_received);
  a.literal(info.timer), a.duration(info.timer_left), a.literal(info.congestion_control);
  a.number(info.congestion_state);
}

template <class Archive>
void visit(Archive& a, SocketRow& row, std::uint8_t& state, bool& has_info) {
  SocketReport& report = row.report;
  a.text(row.host);
  a.flag(report.is_stream), a.flag(report.is_v6), a.flag(report.v6only), a.number(state);
  a.number(report.receive_queue), a.number(report.send_queue);
  a.endpoint(report.local), a.endpoint(report.remote), a.number(report.cookie);
  a.number(report.mark);
  a.number(row.inode), a.flag(has_info);
}

}  // namespace

std::string write_row(const SocketRow& row) {
  SocketRow copy = row;
  Writer writer;
  auto state = static_cast<std::uint8_t>(row.report.state);
  bool has_info = row.report.tcp.has_value();
  visit(writer, copy, state, has_info);
  if (has_info) visit_info(writer, *copy.report.tcp);
  return writer.take();
}

bool read_row(std::string_view line, SocketRow& row) {
  Reader reader(line);
  std::uint8_t state = 0;
  bool has_info = false;
  visit(reader, row, state, has_info);
  if (!reader.ok() || state > static_cast<std::uint8_t>(tcp::State::time_wait)) return false;
  row.report.state = static_cast<tcp::State>(state);
  if (has_info) visit_info(reader, row.report.tcp.emplace());
  return reader.done();
}

}  // namespace sockeye::world

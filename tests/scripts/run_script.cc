// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// run_script FILE...: runs packet scripts (script.h) on a host in virtual time. Exit status 0 when all
// hold; else the first event that does not, with its line and the time, is printed for each.
//
// Stricter than packetdrill: what the host sends and no event expects fails the script, at the end too.
#include <cstdio>
#include <deque>
#include <fstream>
#include <sstream>

#include "posix/hosts.h"
#include "scripts/calls.h"
#include "scripts/wire.h"
#include "stack/sysctl.h"

namespace sockeye::scripts {
namespace {

constexpr Duration kTolerance = 1ms;

class Run {
 public:
  Run() {
    posix::RawLinkOptions options;
    options.largest_packet = 65535;  // whole segments, as a device with TSO takes them
    options.transmit = [this](Instant now, Bytes packet) {
      sent_.push_back({now, {packet.begin(), packet.end()}});
    };
    link_ = &hosts_.attach(host_, {{Wire::local(), 16}}, options, true);
    hosts_.run_until(Instant{} + kStart);
    last_ = hosts_.now();
  }

  // Empty: the script holds.
  std::string play(const std::vector<Event>& events) {
    for (const Event& event : events) {
      if (const std::string complaint = step(event); !complaint.empty())
        return std::to_string(event.line) + ": " + complaint + "  (at " + seconds(hosts_.now()) + " s)";
    }
    if (waiting_ != nullptr) return std::to_string(waiting_->line) + ": the call never returned";
    return unexpected();
  }

 private:
  struct Sent {
    Instant at{};
    std::vector<std::byte> bytes{};
  };
  static constexpr Duration kStart = 1000s;  // a clock that has run for a while

  static std::string seconds(Instant at) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6f", static_cast<double>(to_ns(at - Instant{} - kStart)) / 1e9);
    return text;
  }
  std::string unexpected() {
    return sent_.empty() ? "" : "nobody expected " + wire_.describe(sent_.front().bytes);
  }

  // Time passes, in steps: a call that waits is tried after each.
  std::string advance(Instant until) {
    do {
      hosts_.turn(look(until));
      if (std::string complaint = retry(); !complaint.empty()) return complaint;
    } while (hosts_.now() < until);
    return {};
  }
  std::string retry() {
    if (waiting_ == nullptr) return {};
    bool waits = false;
    std::string complaint = calls_.make(*waiting_, waits);
    if (!complaint.empty()) return std::to_string(waiting_->line) + ": " + complaint;
    if (waits) return {};
    const Instant end = waiting_from_ + (*waiting_->when.returns - waiting_->when.from);
    const Duration off = std::chrono::abs(hosts_.now() - end);
    const int line = waiting_->line;
    waiting_ = nullptr;
    if (off > kTolerance) return std::to_string(line) + ": returns at " + seconds(hosts_.now());
    return {};
  }

  std::string step(const Event& event) {
    if (event.kind == Kind::outbound) return expect(event);
    const Instant base = event.when.relative ? last_ : Instant{} + kStart;
    const Instant at = event.when.any ? hosts_.now() : base + event.when.from;
    if (at > hosts_.now())
      if (std::string complaint = advance(at); !complaint.empty()) return complaint;
    last_ = std::max(at, last_);
    if (std::string complaint = unexpected(); !complaint.empty()) return complaint;
    std::string complaint = act(event);
    hosts_.turn(Instant::min());
    return complaint.empty() ? retry() : complaint;
  }

  std::string act(const Event& event) {
    std::string complaint;
    if (event.kind == Kind::check) return calls_.check(event);
    if (event.kind == Kind::command) return command(event.text);
    if (event.kind == Kind::inbound) {
      const std::vector<std::byte> packet = wire_.build(event, complaint);
      if (!packet.empty() && !link_->input(hosts_.now(), packet)) complaint = "the link does not take it";
      return complaint;
    }
    bool waits = false;
    complaint = calls_.make(event, waits);
    if (!waits) return complaint;
    waiting_ = &event;
    waiting_from_ = hosts_.now();
    return {};
  }

  // sysctl -q NAME=VALUE...
  std::string command(std::string_view text) {
    std::istringstream words{std::string(text)};
    std::string word;
    words >> word;
    if (word != "sysctl") return "the only command is sysctl";
    while (words >> word) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) continue;  // -q
      std::string value = word.substr(equals + 1);
      std::replace(value.begin(), value.end(), ',', ' ');  // several numbers
      const Result<> done = host_.stack.set_sysctl(word.substr(0, equals), value);
      if (!done) return word + ": " + std::string(name_of(done.error()));
    }
    return {};
  }

  std::string expect(const Event& event) {
    const Instant base = event.when.relative ? last_ : Instant{} + kStart;
    const Instant latest = event.when.any ? kNever : base + event.when.to + kTolerance;
    while (sent_.empty()) {
      if (hosts_.now() >= latest) return "nothing was sent";
      if (!hosts_.turn(look(latest))) return "nothing will ever be sent";
      if (std::string complaint = retry(); !complaint.empty()) return complaint;
    }
    Sent packet = std::move(sent_.front());
    sent_.pop_front();
    std::uint32_t before = 0;
    for (std::uint32_t missing = wire_.missing(event, packet.bytes); missing > 0 && !sent_.empty();) {
      const auto more = Wire::continues(packet.bytes, sent_.front().bytes);
      if (!more || *more > missing) break;
      before = before + Wire::payload_of(packet.bytes);
      missing -= *more;
      packet = std::move(sent_.front());
      sent_.pop_front();
    }
    std::string complaint = wire_.judge(event, packet.bytes, before);
    if (complaint.empty() && !event.when.any && packet.at + kTolerance < base + event.when.from)
      complaint = "sent at " + seconds(packet.at) + ", too early";
    last_ = event.when.any || event.when.from != event.when.to ? packet.at : base + event.when.from;
    return complaint;
  }

  // A call that waits is asked again this often.
  static constexpr Duration kLook = 500us;
  Instant look(Instant until) { return waiting_ == nullptr ? until : std::min(until, hosts_.now() + kLook); }

  posix::Hosts hosts_{1};
  posix::Host& host_ = hosts_.add_host(StackConfig{}, {.descriptors_max = 64, .privileged = true});
  posix::RawLink* link_ = nullptr;
  std::deque<Sent> sent_{};
  Wire wire_{};
  Calls calls_{host_.process};
  Instant last_{};  // of the event before
  const Event* waiting_ = nullptr;
  Instant waiting_from_{};
};

int run_file(const char* path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  std::string complaint = file ? "" : "0: cannot be read";
  if (const auto events = parse_script(text.str(), complaint); file && events)
    complaint = Run().play(*events);
  if (complaint.empty()) return 0;
  std::printf("%s:%s\n", path, complaint.c_str());
  return 1;
}

}  // namespace
}  // namespace sockeye::scripts

int main(int count, char** words) {
  int failed = 0;
  for (int i = 1; i < count; ++i) failed += sockeye::scripts::run_file(words[i]);
  std::printf("%d of %d scripts hold\n", count - 1 - failed, count - 1);
  return failed == 0 && count > 1 ? 0 : 1;
}

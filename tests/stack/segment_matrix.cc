// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "stack/segment_matrix.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "tcp/notation.h"

namespace sockeye::matrix {
namespace {

constexpr SeqNum kPeerIss{1'000'000};
constexpr std::uint32_t kDataBytes = 10;

constexpr TcpFlags kSyn{.syn = true};
constexpr TcpFlags kAck{.ack = true};
constexpr TcpFlags kFinAck{.fin = true, .ack = true};

// The peer's side of one connection, in numbers relative to both initial ones.
class Dialogue {
 public:
  Dialogue(Subject& subject, std::uint16_t peer_port, std::uint16_t host_port)
      : subject_(subject), peer_port_(peer_port), host_port_(host_port) {}
  // However the case ended: nothing of it is left for the next.
  ~Dialogue() {
    if (handle_ >= 0) {
      subject_.abort(handle_);
      return;
    }
    tcp::Segment reset;
    reset.flags.rst = true;
    reset.seq = last_syn_ + 1;
    say(reset);
    for (int child = subject_.accept(); child >= 0; child = subject_.accept()) subject_.abort(child);
  }

  // --- ways to the states
  void begin_passive() {
    tcp::Segment syn = segment(kSyn, 0, 0);
    syn.options.mss = 1460;
    const auto answer = say(syn);
    if (!answer.empty()) host_iss_ = answer[0].seq;
  }
  void establish() {
    begin_passive();
    say(segment(kAck, 1, 1));
    handle_ = subject_.accept();
    is_ready_ = handle_ >= 0;
  }
  void begin_active() {
    handle_ = subject_.connect(peer_port_);
    for (const tcp::Segment& sent : subject_.sent()) {
      if (sent.destination_port != peer_port_) continue;
      host_port_ = sent.source_port;
      host_iss_ = sent.seq;
    }
  }
  void shutdown() {
    subject_.shutdown_write(handle_);
    (void)subject_.sent();
  }

  // The peer's FIN, and its acknowledgment even if it is delayed.
  void receive_fin() {
    say(segment(kFinAck, 1, 1));
    subject_.read_end(handle_);
    (void)subject_.sent();
  }

  tcp::Segment segment(TcpFlags flags, std::int64_t seq, std::int64_t ack, std::uint32_t payload = 0) const {
    tcp::Segment made;
    made.flags = flags;
    made.seq = kPeerIss + static_cast<std::uint32_t>(seq);
    if (flags.ack) made.ack = host_iss_ + static_cast<std::uint32_t>(ack);
    if (flags.urg) made.urgent_pointer = 1;
    made.window = 65535;
    made.payload_bytes = payload;
    return made;
  }
  // Says it to the host; what the host answers on this connection.
  std::vector<tcp::Segment> say(tcp::Segment segment) {
    segment.source_port = peer_port_;
    segment.destination_port = host_port_;
    if (segment.flags.syn) last_syn_ = segment.seq;
    std::vector<tcp::Segment> own;
    for (const tcp::Segment& sent : subject_.exchange(segment))
      if (sent.destination_port == peer_port_ && sent.source_port == host_port_) own.push_back(sent);
    return own;
  }
  std::string text_of(const tcp::Segment& sent) const {
    // The number of a SYN that opens another connection is its own, and a RST without one has none.
    const bool is_first = sent.flags.syn && sent.seq != host_iss_;
    const bool is_bare = sent.flags.rst && sent.seq == SeqNum{};
    const SeqNum base = is_first ? sent.seq : is_bare ? SeqNum{} : host_iss_;
    const std::string text = to_text(sent, {base, kPeerIss});
    return text.substr(0, text.find(" win"));
  }

  Subject& subject() { return subject_; }
  int handle() const { return handle_; }
  bool is_ready() const { return is_ready_; }
  std::string state() { return subject_.state(handle_, host_port_, peer_port_); }

 private:
  Subject& subject_;
  std::uint16_t peer_port_;
  std::uint16_t host_port_;
  SeqNum host_iss_{};
  SeqNum last_syn_{};
  int handle_ = -1;
  bool is_ready_ = true;
};

struct Start {
  const char* name;
  const char* state;  // as it must be called once it is reached
  void (*reach)(Dialogue&);
  std::int64_t peer_next;
  std::int64_t host_next;
  std::uint16_t host_port = kListenPort;
};

const Start kStarts[] = {
    {"CLOSED", "CLOSED", [](Dialogue&) {}, 0, 1, kClosedPort},
    {"LISTEN", "CLOSED", [](Dialogue&) {}, 0, 1},
    {"SYN-SENT", "SYN-SENT", [](Dialogue& d) { d.begin_active(); }, 0, 1},
    {"SYN-RECEIVED of a listener", "SYN-RECEIVED", [](Dialogue& d) { d.begin_passive(); }, 1, 1},
    {"SYN-RECEIVED after both have opened", "SYN-RECEIVED",
     [](Dialogue& d) {
       d.begin_active();
       d.say(d.segment(kSyn, 0, 0));
     },
     1, 1},
    {"ESTABLISHED", "ESTABLISHED", [](Dialogue& d) { d.establish(); }, 1, 1},
    {"FIN-WAIT-1", "FIN-WAIT-1",
     [](Dialogue& d) {
       d.establish();
       d.shutdown();
     },
     1, 2},
    {"FIN-WAIT-2", "FIN-WAIT-2",
     [](Dialogue& d) {
       d.establish();
       d.shutdown();
       d.say(d.segment(kAck, 1, 2));
     },
     1, 2},
    {"CLOSE-WAIT", "CLOSE-WAIT",
     [](Dialogue& d) {
       d.establish();
       d.receive_fin();
     },
     2, 1},
    {"CLOSING", "CLOSING",
     [](Dialogue& d) {
       d.establish();
       d.shutdown();
       d.say(d.segment(kFinAck, 1, 1));
     },
     2, 2},
    {"LAST-ACK", "LAST-ACK",
     [](Dialogue& d) {
       d.establish();
       d.receive_fin();
       d.shutdown();
     },
     2, 2},
    {"TIME-WAIT", "TIME-WAIT",
     [](Dialogue& d) {
       d.establish();
       d.shutdown();
       d.say(d.segment(kFinAck, 1, 2));
     },
     2, 2},
};

struct Place {
  const char* name;
  std::int64_t offset;  // from the next number expected
};
constexpr Place kPlaces[] = {{"below", -20}, {"next", 0}, {"inside", 1000}, {"beyond", 200'000}};

TcpFlags flags_of(unsigned bits) {
  TcpFlags flags;
  flags.fin = (bits & 1) != 0;
  flags.syn = (bits & 2) != 0;
  flags.rst = (bits & 4) != 0;
  flags.ack = (bits & 8) != 0;
  flags.psh = (bits & 16) != 0;
  flags.urg = (bits & 32) != 0;
  return flags;
}

// Empty: the state was not reached, which is a failure of the host.
std::optional<Outcome> run_case(Subject& subject, std::uint16_t peer_port, const Start& start,
                                const Place& place, bool has_data, unsigned flags) {
  Dialogue d(subject, peer_port, start.host_port);
  start.reach(d);
  if (!d.is_ready() || d.state() != start.state) return std::nullopt;
  (void)subject.drops();
  const auto sent = d.say(
      d.segment(flags_of(flags), start.peer_next + place.offset, start.host_next, has_data ? kDataBytes : 0));
  Outcome outcome;
  outcome.drops = subject.drops();
  for (const tcp::Segment& one : sent) outcome.seen += "sends " + d.text_of(one) + ", ";
  outcome.seen += d.state();
  if (d.handle() < 0) return outcome;
  if (const int bytes = subject.readable(d.handle()); bytes > 0)
    outcome.seen += ", " + std::to_string(bytes) + " to read";
  if (const int error = subject.error(d.handle()); error != 0)
    outcome.seen += std::string(", ") + strerrorname_np(error);
  return outcome;
}

}  // namespace

std::string name_of_flags(unsigned flags) {
  std::string text;
  if ((flags & 1) != 0) text += 'F';
  if ((flags & 2) != 0) text += 'S';
  if ((flags & 4) != 0) text += 'R';
  if ((flags & 16) != 0) text += 'P';
  if ((flags & 8) != 0) text += '.';
  if ((flags & 32) != 0) text += 'U';
  return text.empty() ? "-" : text;
}

std::size_t block_count() {
  return std::size(kStarts) * std::size(kPlaces) * 2;
}

Block run_block(Subject& subject, std::size_t index, std::uint16_t& peer_port, bool in_real_time) {
  const Start& start = kStarts[index / (2 * std::size(kPlaces))];
  const Place& place = kPlaces[index / 2 % std::size(kPlaces)];
  Block block{start.name, place.name, index % 2 == 1, {}};
  for (unsigned flags = 0; flags < kFlags; ++flags) {
    std::optional<Outcome> outcome;
    // In real time a machine that was busy elsewhere may have let a timer of the host fire: once more.
    for (int attempt = 0; attempt < 100; ++attempt) {
      const auto begin = std::chrono::steady_clock::now();
      outcome = run_case(subject, ++peer_port, start, place, block.has_data, flags);
      if (!in_real_time ||
          (outcome && std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(30)))
        break;
    }
    block.outcomes.push_back(outcome.value_or(Outcome{"the state was not reached", {}}));
  }
  return block;
}

std::string table_of(const std::vector<Block>& blocks) {
  constexpr unsigned kPushAndUrgent = 48;
  std::string table;
  for (const Block& block : blocks) {
    table += block.state + ", " + block.place + (block.has_data ? ", with data\n" : "\n");
    bool matters = false;
    for (unsigned flags = 0; flags < kFlags; ++flags)
      matters |= !(block.outcomes[flags] == block.outcomes[flags & ~kPushAndUrgent]);
    std::vector<bool> done(kFlags);
    for (unsigned first = 0; first < kFlags; ++first) {
      if (done[first] || (!matters && (first & kPushAndUrgent) != 0)) continue;
      std::string names;
      for (unsigned flags = first; flags < kFlags; ++flags) {
        if (!(block.outcomes[flags] == block.outcomes[first])) continue;
        done[flags] = true;
        if (matters || (flags & kPushAndUrgent) == 0)
          names += (names.empty() ? "" : " ") + name_of_flags(flags);
      }
      const Outcome& outcome = block.outcomes[first];
      table += "  " + names + ": " + outcome.seen;
      table += outcome.drops.empty() ? "\n" : ", drop " + outcome.drops + '\n';
    }
  }
  return table;
}

}  // namespace sockeye::matrix

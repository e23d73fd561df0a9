// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One end of a TCP connection on the bench. A test is a dialogue in packetdrill's words: peer() is what
// the other side puts on the wire, expect() is the next thing that we answer (anything that nobody
// expected fails), `app` is the program, after() moves virtual time. Numbers are relative to the initial
// ones. An expectation without "win" or "<…>" does not care about them; one with "<…>" means exactly
// these options.
//
//   TcpBench t;                               TcpBench t{{.peer_options = "mss 1000"}};
//   t.establish();                            t.establish_passive();
//   t.peer("P. 1:501(500) ack 1 win 65535");
//   t.expect(". 1:1(0) ack 501");
//
// Payload is a pattern of the sequence number: both directions are checked byte by byte.
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/rng.h"
#include "tcp/connection.h"
#include "tcp/notation.h"
#include "tcp/resources.h"
#include "tcp/syn_queue.h"

namespace sockeye::tcp {

struct BenchOptions {
  Config config{};
  Settings settings{};
  Path path{};
  std::string peer_options = "mss 1460,sackOK";  // of the peer's SYN or SYN-ACK
  std::uint16_t peer_window = 65535;             // of the peer's SYN or SYN-ACK and its ACK of ours
  SeqNum peer_iss{1'000'000};
  Instant start = Instant{} + 1000s;
};

// Packets of many segments, to a peer that is slow to answer: no probe comes between.
inline BenchOptions large_packets() {
  BenchOptions options;
  options.peer_options = "mss 1000,sackOK";
  options.path.largest_packet = 65535;
  options.config.tail_loss_probe = false;
  return options;
}

class TcpBench {
 public:
  explicit TcpBench(const BenchOptions& options = {});
  ~TcpBench();  // fails if something was sent that nobody expected

  // --- opening
  // Active open, three segments, no time passes.
  void establish(const char* file = __builtin_FILE(), int line = __builtin_LINE());
  // The same through a SynQueue: we are the server.
  void establish_passive(const char* file = __builtin_FILE(), int line = __builtin_LINE());
  void open_active(const char* file = __builtin_FILE(), int line = __builtin_LINE());
  // The same, with MSG_FASTOPEN and so many bytes.
  void open_fast(std::uint32_t bytes, const char* file = __builtin_FILE(), int line = __builtin_LINE());
  void listen(std::uint32_t backlog = 128);  // from here on segments go to the SynQueue until a child exists

  // --- the wire
  void peer(std::string_view line, const char* file = __builtin_FILE(), int at = __builtin_LINE());
  // Several segments in one turn: we answer after the last.
  void peer(std::initializer_list<std::string_view> lines, const char* file = __builtin_FILE(),
            int at = __builtin_LINE());
  // A header that the notation cannot say, without payload.
  void inject(const Segment& segment, const char* file = __builtin_FILE(), int at = __builtin_LINE());
  void expect(std::string_view line, const char* file = __builtin_FILE(), int at = __builtin_LINE());
  void expect_nothing(const char* file = __builtin_FILE(), int at = __builtin_LINE());
  // Forgets what was sent and not yet expected; answers how many segments that were.
  std::size_t discard();
  // The next segment that we sent, as text, for those who need its numbers; empty: none.
  std::string take_sent();

  // The connection goes on in another stack, as bytes; `pause` passes in between, unheard.
  void move_to_another_stack(Duration pause, const char* file = __builtin_FILE(), int at = __builtin_LINE());

  // --- time
  void after(Duration time, const char* file = __builtin_FILE(), int at = __builtin_LINE());
  Instant now() const { return now_; }

  // --- the program
  class App {
   public:
    explicit App(TcpBench& bench) : bench_(bench) {}
    // What send() took, or a negative errno. The bytes continue the pattern.
    long send(std::uint32_t bytes, const char* file = __builtin_FILE(), int at = __builtin_LINE());
    long send_more(std::uint32_t bytes, const char* file = __builtin_FILE(), int at = __builtin_LINE());
    // MSG_EOR.
    long send_record(std::uint32_t bytes, const char* file = __builtin_FILE(), int at = __builtin_LINE());
    long send_urgent(std::uint32_t bytes, const char* file = __builtin_FILE(), int at = __builtin_LINE());
    // What receive() gave (0: end of file), or a negative errno. Bytes that are not the pattern fail.
    long receive(std::uint32_t bytes = 0xffffff, const char* file = __builtin_FILE(),
                 int at = __builtin_LINE());
    void close(const char* file = __builtin_FILE(), int at = __builtin_LINE());
    void abort(const char* file = __builtin_FILE(), int at = __builtin_LINE());
    long shutdown_write(const char* file = __builtin_FILE(), int at = __builtin_LINE());
    long shutdown_read(const char* file = __builtin_FILE(), int at = __builtin_LINE());
    // TCP_QUICKACK.
    void quick_ack(int value, const char* file = __builtin_FILE(), int at = __builtin_LINE()) {
      bench_.check_silence(file, at);
      bench_.connection().set_quick_ack(value);
      bench_.pump(file, at);
    }
    // Changes settings the way setsockopt() does.
    template <class Change>
    void set(Change change, const char* file = __builtin_FILE(), int at = __builtin_LINE()) {
      bench_.check_silence(file, at);
      change(bench_.connection().settings());
      bench_.connection().on_settings_changed(bench_.now());
      bench_.pump(file, at);
    }

   private:
    enum class How { plain, more, record, urgent };
    long send(std::uint32_t bytes, How how, const char* file, int at);
    TcpBench& bench_;
  };
  App app{*this};

  // --- questions
  Connection& connection();
  bool has_connection() const { return connection_ != nullptr; }
  SynQueue& syn_queue() { return *syn_queue_; }
  std::uint32_t readable() { return connection().readable_bytes(); }
  Info info() { return connection().info(now_); }
  State state() { return connection().state(); }
  SeqNum iss() const { return our_iss_; }
  std::uint32_t last_timestamp() const { return last_timestamp_; }  // TSval of what we sent last
  int error();                                                      // SO_ERROR, as errno; cleared
  Readiness events() { return connection().take_events(); }
  // "paws 1, bad_ack 2": every reason that struck, in the order of the table; empty: none.
  std::string drops() const;
  Config& config() { return options_.config; }
  Resources& resources() { return resources_; }
  const FiveTuple& tuple() const { return tuple_; }
  const Counters& counters() const { return resources_.counters; }
  std::size_t sent_count() const { return sent_.size(); }
  // The ECN bits of the next segment that nobody has looked at.
  std::uint8_t sent_ip_ecn() const { return sent_.empty() ? kNotEct : sent_.front().segment.ip_ecn; }
  std::uint8_t peer_ip_ecn = kNotEct;  // of the peer's packets from here on
  bool accept_queue_full = false;

 private:
  friend class App;
  struct Sent {
    Segment segment;
    Instant at;
  };

  NotationBase peer_base() const { return {options_.peer_iss, our_iss_}; }
  NotationBase our_base() const { return {our_iss_, options_.peer_iss}; }
  void deliver(std::string_view line, const char* file, int at);
  void deliver_to_listener(const Segment& segment, Packet& packet);
  void pump(const char* file, int at);
  void take_out(const Segment& segment, const Packet* packet, const char* file, int at);
  void check_payload(const Segment& segment, const Packet& packet, const char* file, int at) const;
  void check_silence(const char* file, int at);
  std::optional<Instant> next_timer() const;

  BenchOptions options_;
  Instant now_;
  PacketPool pool_;
  SeededRng secret_{1};
  SeededRng public_{2};
  Resources resources_;
  FiveTuple tuple_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<SynQueue> syn_queue_;
  SeqNum our_iss_{};
  bool knows_our_iss_ = false;
  std::uint32_t last_timestamp_ = 0;
  std::deque<Sent> sent_;
  DropCounters drops_;
  std::uint32_t sent_by_app_ = 0;
  std::uint32_t received_by_app_ = 0;
};

}  // namespace sockeye::tcp

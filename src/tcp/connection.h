// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One TCP connection (RFC 9293's TCB): events in; segments, one deadline and readiness out. No I/O,
// no callbacks, no clock. It owns one object per concern of the RFCs and alone decides their order.
//
// Who holds a Connection (socket/StreamSocket) calls it like this:
//   on_segment / on_timer / send / receive / shutdown / close …     something happened
//   take_events()                                                   which waiters to tell
//   poll_transmit() until false                                     what to put on the wire
//   next_timer()                                                    when to call on_timer()
//   next_release()                                                  when to call poll_transmit() again
//   is_finished()                                                   may it be destroyed?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/drop.h"
#include "core/ip_address.h"
#include "core/readiness.h"
#include "core/result.h"
#include "core/rng.h"
#include "core/time.h"
#include "packet/packet.h"
#include "tcp/busy_clock.h"
#include "tcp/challenge_ack.h"
#include "tcp/config.h"
#include "tcp/congestion_control.h"
#include "tcp/delayed_ack.h"
#include "tcp/ecn.h"
#include "tcp/info.h"
#include "tcp/loss_recovery.h"
#include "tcp/negotiation.h"
#include "tcp/receive_window.h"
#include "tcp/reordering.h"
#include "tcp/rtt_estimator.h"
#include "tcp/segment.h"
#include "tcp/state.h"
#include "tcp/timestamps.h"

namespace sockeye::tcp {

// What all connections of a stack share. Owned by the stack, outlives its connections.
struct Resources;
struct Rare;            // what few connections need: tcp/rare.h
struct Active;          // what a connection has only while it is busy (D13): tcp/active.h
struct SharedSettings;  // connections with equal settings share them: tcp/shared_settings.h
struct AckNews;         // what one ACK has told: tcp/ack_news.h
struct SendNotice;      // tcp/send_notices.h
struct SentSegment;
struct SignedPosition;  // tcp/signature.h
struct Snapshot;        // a connection as plain data: tcp/snapshot.h

// What is known about the way to the peer; may change while the connection lives.
struct Path {
  std::uint32_t mtu = 1500;             // largest IP packet of this path
  std::uint32_t largest_packet = 1500;  // what the link takes in one piece (GSO), >= mtu
  bool is_v6 = false;
  std::uint8_t signature_bytes = 0;  // of TCP-MD5 or TCP-AO, in every segment
  std::uint32_t ip_header_bytes() const { return is_v6 ? 40 : 20; }
};

// A connection that came out of the SYN queue, or is restored from a snapshot.
struct Handshake {
  SeqNum iss{};
  SeqNum irs{};
  std::uint32_t peer_window = 0;  // of the segment that completed the handshake, scaled
  std::uint16_t peer_mss = 536;
  std::optional<std::uint8_t> peer_window_scale{};  // empty: not negotiated
  std::uint8_t our_window_scale = 0;
  bool sack = false;
  bool timestamps = false;
  EcnMode ecn = EcnMode::none;
  bool ecn_silent = false;                           // AccECN: no ECT, as the SYN-ACK had to go without it
  std::uint8_t syn_ip_ecn = 0;                       // of the peer's SYN
  std::optional<std::uint8_t> ace{};                 // of the ACK that completed the handshake
  std::optional<FastOpenCookie> fast_open_cookie{};  // for the SYN-ACK of open_fast()
  std::uint32_t timestamp_recent = 0;                // TS.Recent
  std::uint32_t timestamp_offset = 0;                // of our TSval (RFC 7323 7.1)
  std::optional<Duration> rtt{};                     // SYN-ACK to ACK, when it was not retransmitted
};

class Connection {
 public:
  Connection(Resources& resources, const FiveTuple& tuple, const Path& path, const Settings& settings);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- opening (RFC 9293 3.10.1)
  // CLOSED -> SYN-SENT. `iss_beyond`: the tuple was in TIME_WAIT (TimeWaitTable::reuse).
  void open_active(Instant now, std::optional<SeqNum> iss_beyond = std::nullopt);
  void open_established(Instant now, const Handshake& handshake);  // the child of a listener
  // The child of a listener that a SYN with a good cookie made: SYN-RECEIVED, but both ends may send
  // (RFC 7413 4.2.2). `syn` and its payload are what came.
  void open_fast(Instant now, const Handshake& handshake, const Segment& syn, Packet& packet);
  // Right after open_active(): the SYN asks for a cookie, or carries it with the first bytes that send()
  // takes until it leaves. Answers whether bytes may go with it.
  bool try_fast_open(Instant now);
  // After try_fast_open() said so: the SYN waits for the first send() (TCP_FASTOPEN_CONNECT).
  void defer_syn();
  bool is_syn_deferred() const;
  // A blocking call has more bytes than what goes with the SYN: they will carry the ACK of the SYN-ACK.
  void expect_writer();
  // Goes on where another stack left off (tcp/snapshot.h); on a fresh connection, before anything else.
  // nobufs: the pool cannot hold its bytes; then it is of no use any more.
  Result<> restore(Instant now, const Snapshot& snapshot);

  // --- what happens to it
  // `packet` holds the payload only (headers consumed); the connection takes its slices.
  // The answer says why the segment was discarded, if it was (counted by the caller).
  std::optional<Drop> on_segment(Instant now, const Segment& segment, Packet& packet);
  void on_timer(Instant now);
  // An ICMP error that quotes this connection. `hard`: codes that abort in SYN-SENT (RFC 9293
  // 3.9.2.2); quoted_seq is checked against the window (RFC 5927).
  void on_icmp_error(Instant now, Errno error, bool hard, SeqNum quoted_seq);
  // `resend`: what is in flight and too large now goes out again in smaller segments.
  void on_path_change(Instant now, const Path& path, bool resend = true);

  // --- the user calls (3.10.2-3.10.6). They never wait: Errno::again.
  Result<std::size_t> send(Instant now, Bytes bytes, bool more, bool out_of_band);
  // What was sent so far ends a record (MSG_EOR): no packet carries bytes from both sides of here.
  void end_record();
  // What was sent by now reports (SendNotices::kZeroCopy …), under this number. False: there are too many.
  bool want_notice(std::uint8_t wanted, std::uint32_t number);
  void extend_notice();  // the last one is about all that was sent by now
  std::size_t notice_count() const;
  // After Readiness::err: take until there is none.
  bool has_notices() const;
  std::optional<SendNotice> take_notice();
  void forget_notices();
  // `peek`: leave the bytes. `out_of_band`: the urgent byte (MSG_OOB).
  Result<std::size_t> receive(Instant now, MutableBytes bytes, bool peek, bool out_of_band);
  Result<> shutdown(Instant now, bool reading, bool writing);
  // No one will read or write any more. Unread data or linger zero: RST; otherwise FIN and the
  // connection lives on as an orphan until is_finished().
  void close(Instant now, bool abort);

  // --- what it wants
  // Fills `segment`, which is as constructed (ports included), and appends the payload to `packet`, which is
  // empty. False: nothing to send now. segment_size, transmission and release of the packet are set.
  bool poll_transmit(Instant now, Segment& segment, Packet& packet);
  // True: poll_transmit() would find nothing, and what it does then is done. False: ask it.
  bool rest_if_quiet(Instant now);
  Instant next_timer() const;  // kNever: none
  // Paced data waits until then (kNever: none does): call poll_transmit() again. Apart from next_timer(),
  // because it comes and goes with every packet (decisions.md D14).
  Instant next_release() const;
  Readiness take_events();  // what happened since the last call; none: nobody needs to be told
  // Has reading left something to do: an ACK that opens the window, an Active block that is not needed any
  // more?
  bool wants_settling() const;
  bool is_finished() const;  // CLOSED, or handed to TIME_WAIT: nothing more will ever be sent

  // --- questions
  const FiveTuple& tuple() const;
  const Path& path() const { return path_; }
  State state() const;
  Readiness readiness() const;           // the level, as poll(2) reports it for a TCP socket
  std::optional<Errno> error() const;    // pending (SO_ERROR), not cleared
  std::optional<Errno> take_error();     // SO_ERROR: read and clear
  std::uint32_t readable_bytes() const;  // FIONREAD / SIOCINQ
  std::uint32_t inq_hint() const;        // TCP_INQ: as Linux one more when the peer has closed
  SeqNum first_unacknowledged() const { return snd_.una; }
  SeqNum send_end() const { return snd_.end; }
  std::uint32_t unsent_bytes() const;          // SIOCOUTQNSD
  std::uint32_t unacknowledged_bytes() const;  // SIOCOUTQ: unsent included
  std::uint32_t send_room() const;             // what send() would take now
  bool at_urgent_mark() const;                 // SIOCATMARK
  bool peer_closed() const;                    // the peer's FIN was received in order
  // Sent and not acknowledged: what a believable ICMP error quotes (RFC 5927).
  bool is_in_flight(SeqNum sequence) const { return snd_.una <= sequence && sequence < snd_.nxt; }
  const Settings& settings() const;
  Settings& settings();  // then call on_settings_changed()
  void on_settings_changed(Instant now);
  // TCP_NODELAY is set, or TCP_CORK taken away from a socket with TCP_NODELAY: what is buffered by now leaves
  // although it is corked (Linux).
  void push() { flags_.pushed = true; }
  void set_quick_ack(int value);  // TCP_QUICKACK
  Info info(Instant now) const;   // TCP_INFO
  // Bytes that a program has not read although the connection handed them out (a carrier): they
  // count against the advertised window. Call again whenever it changes.
  void set_external_unread(Instant now, std::uint32_t bytes);
  // Where it stands, for TCP-AO; without the key.
  SignedPosition signed_position() const;
  // As plain data; inval while opening, in TIME_WAIT and when closed. Sends
  // nothing, changes nothing.
  Result<Snapshot> snapshot(Instant now) const;
  // Valid once in TIME_WAIT: what the compact record needs.
  struct TimeWait make_time_wait(Instant now) const;

 private:
  friend class Arrival;  // the eight checks of 3.10.7.4, and 3.10.7.3

  // RFC 9293 3.3.1, send side, in the RFC's names where it has them.
  struct SendSequence {
    SeqNum iss{};
    SeqNum una{};
    SeqNum nxt{};
    SeqNum end{};  // one past the last byte that the program has sent; the FIN stands here
    SeqNum wl1{};  // while a RST is due, its number: the window is updated no more, or not yet
    SeqNum wl2{};
    // RFC 9293 3.1 REC-1
    std::uint32_t wnd = 0;      // scaled
    std::uint32_t wnd_max = 0;  // the largest ever
    std::uint32_t limit = 0;    // the send buffer, auto-tuned
    std::uint16_t peer_mss = 536;
    std::uint16_t mss = 536;  // payload per segment
    std::uint8_t scale = 0;   // the peer's
  };
  struct ReceiveSequence {
    SeqNum irs{};
    SeqNum nxt{};
    SeqNum acked{};  // the last acknowledgment that went out
  };
  struct Flags {
    bool opened : 1 = false;
    bool fin_queued : 1 = false;  // the program is done writing: a FIN follows the data
    bool fin_received : 1 = false;
    bool read_shut : 1 = false;   // Linux's RCV_SHUTDOWN: FIN received or SHUT_RD
    bool write_shut : 1 = false;  // Linux's SEND_SHUTDOWN
    bool orphan : 1 = false;      // the program has closed
    bool sack : 1 = false;
    bool scaled : 1 = false;
    bool more : 1 = false;     // the last send said MSG_MORE
    bool syn_due : 1 = false;  // a SYN or SYN-ACK is to be sent (again)
    bool reset_due : 1 = false;
    bool reset_acks : 1 = false;  // ... with ACK and our numbers, not in answer to a segment
    bool probe_due : 1 = false;   // persist
    bool keepalive_due : 1 = false;
    bool congestion_limited : 1 = false;     // cwnd was used up in this round trip
    bool passive : 1 = false;                // the child of a listener
    bool syn_data_acked : 1 = false;         // TCPI_OPT_SYN_DATA
    bool fast_open : 1 = false;              // asked for, or a cookie was sent
    bool rate_app_limited : 1 = false;       // of delivery_rate_
    bool probe_unmeasured : 1 = false;       // no round trip was measured since the last tail loss probe
    std::uint8_t fast_open_failure : 2 = 0;  // tcpi_fastopen_client_fail
    bool has_rare : 1 = false;               // Resources::rare has something of ours
    bool pushed : 1 = false;                 // push(): what is buffered waits for nothing
    bool unpushed : 1 = false;               // the last bytes were sent with MSG_MORE: no PSH
  };
  // Counters that TCP_INFO reports; 32 bits where Linux has 32.
  struct Counts {
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_retransmitted = 0;
    std::uint64_t bytes_sent = 0;  // new data
    std::uint32_t retransmits = 0;
    std::uint32_t segments_out = 0;
    std::uint32_t segments_in = 0;
    std::uint32_t data_segments_out = 0;
    std::uint32_t data_segments_in = 0;
    std::uint32_t out_of_order = 0;  // segments that arrived ahead of their turn
  };

  // connection.cc
  bool enter(Event event);  // the one place that changes state_
  void finish_closed();
  void fail(Errno error, Event event);
  Active& active();
  void release_active();
  bool is_writable() const;
  bool has_ample_room(std::size_t bytes) const;
  std::uint32_t notsent_low_water() const;
  Rare* rare() const;
  Rare& make_rare();
  bool fin_sent() const { return flags_.fin_queued && snd_.nxt == snd_.end + 1; }
  std::uint32_t unsent() const { return fin_sent() ? 0 : distance(snd_.nxt, snd_.end); }
  std::uint32_t unread() const;
  SeqNum read_edge() const;  // Linux's copied_seq: the next byte that the program will read
  static std::uint32_t ms_of(Instant at) { return static_cast<std::uint32_t>(to_ms(at.time_since_epoch())); }
  RtoLimits rto_limits() const;
  Duration rto() const;
  void notify(Readiness events) { events_ |= events; }

  // open.cc
  void take_handshake(Instant now, const Handshake& handshake);
  void adopt(Instant now, const Negotiated& agreed, std::uint32_t timestamp_offset);
  void establish(Instant now);
  bool poll_handshake(Instant now, Segment& segment, Packet& packet);
  void on_handshake_timeout(Instant now);

  // fast_open_connection.cc
  bool is_fast_child() const { return flags_.passive && state_ == State::syn_received; }
  std::uint32_t add_fast_open(Instant now, Segment& syn, Packet& packet);
  std::uint32_t take_ack_of_syn_data(Instant now);
  std::uint32_t on_syn_ack_of_fast_open(Instant now, const Segment& segment);
  void establish_crossed(Instant now);
  void resend_syn_data(Instant now, std::uint32_t bytes);
  void delay_ack_of_syn(Instant now);
  void resend_syn_alone();
  Result<std::size_t> send_with_syn(Bytes bytes);
  void establish_fast(Instant now);
  void on_fast_open_timeout(Instant now, bool is_over);

  // connection_path.cc
  std::uint32_t option_bytes() const;
  std::uint32_t header_bytes() const;
  void update_mss(bool resend);
  std::uint32_t probe_ceiling() const;
  bool is_probing_mtu() const;
  void start_mtu_probing(Instant now);
  void suspect_black_hole(Instant now);
  std::optional<std::uint32_t> mtu_probe_due(Instant now, std::uint32_t window, std::uint32_t pipe);
  void send_mtu_probe(Instant now, std::uint32_t payload, Segment& segment, Packet& packet);
  void check_mtu_probe();
  bool is_mtu_probe_loss();

  // connection_snapshot.cc
  bool restore_buffers(Instant now, const Snapshot& s);
  void restore_state(Instant now, const Snapshot& s);

  // close.cc
  void queue_fin(Instant now);
  void send_reset();
  void start_fin_wait_2(Instant now);
  Errno give_up_error() const;
  bool should_give_up(Instant now) const;
  void start_time_wait();

  // connection_congestion.cc
  static constexpr std::uint32_t kRateUnit = 64;
  void check_app_limited();
  AckSample make_ack_sample(Instant now, bool advances, std::uint32_t delivered, Duration rtt);
  std::uint32_t count_lost(Instant now, std::uint32_t marked_before, std::uint32_t delivered = 0);
  void take_rate(const RateSample& rate);
  bool is_paced() const;
  std::uint64_t pacing_rate() const;  // bytes per second; kUnlimitedRate: nothing measured
  bool is_held_by_pacer(Instant now);
  void pace(Instant now, std::uint32_t bytes);
  void tell_busy_clock(Instant now);
  void note_window_use(bool is_used_up);

  // prediction.cc
  bool is_predicted(const Segment& segment) const;
  bool take_predicted(Instant now, const Segment& segment, Packet& packet, std::optional<Drop>& drop);
  void take_predicted_ack(Instant now, SeqNum ack);
  std::optional<Drop> take_predicted_text(Instant now, const Segment& segment, Packet& packet);

  // connection_ack.cc
  void on_ack(Instant now, const Segment& segment);
  void hear_peer(const Segment& segment);
  void update_send_window(const Segment& segment);
  void take_acked_bytes(Instant now, SeqNum ack, AckNews& news);
  void take_sack(Instant now, const Segment& segment, AckNews& news);
  bool take_duplicate_report(const Segment& segment, AckNews& news);
  void note_delivered(Instant now, const SentSegment& piece, AckNews& news);
  Duration measure_round_trip(Instant now, AckNews& news);
  void take_round_trip(Instant now, Duration rtt, Duration least, std::uint32_t flight);
  void after_progress(Instant now, bool was_writable);
  void judge_duplicate(const Segment& segment, std::uint32_t window_before, AckNews& news) const;
  void adjust_window(Instant now, const AckNews& news);
  void grow_send_buffer();

  // ecn.cc
  void ask_for_ecn(Segment& syn);
  void negotiate_ecn(const Segment& segment);
  void judge_first_ace(std::uint8_t ace);
  void count_ecn(const Segment& segment, std::uint32_t pieces);
  void take_ecn(const Segment& segment);
  void write_ecn(Instant now, Segment& segment);
  bool hears_congestion(const Segment& segment, const AckNews& news);
  void on_congestion_echo(Instant now);

  // connection_recovery.cc
  std::uint32_t pipe() const;
  std::uint32_t sacked_segments() const;
  Duration rack_window() const;
  void recover(Instant now, AckNews& news);
  void recover_from_timeout(Instant now, AckNews& news);
  bool leave_phase(Instant now, const AckNews& news);
  void mark_losses(Instant now, AckNews& news);
  void note_reordering(SeqNum low);
  void count_duplicate(AckNews& news);
  void keep_open();
  // `delivered`: bytes that the ACK brought which shows the loss
  void start_reduction(Instant now, LossRecovery::Phase phase, std::uint32_t delivered = 0);
  void enter_recovery(Instant now, std::uint32_t delivered = 0);
  void enter_cwr(Instant now);
  void enter_loss(Instant now);
  void resend_too_large();
  void keep_for_undo(Instant now);
  void undo_reduction(Instant now, bool nothing_lost);
  bool try_undo_duplicates(Instant now);
  bool try_undo_partial(Instant now, const AckNews& news);
  bool try_undo_loss(Instant now, const AckNews& news, bool by_frto);
  bool holds_old_phase();
  bool finish_recovery(Instant now, const AckNews& news);
  void on_reorder_timeout(Instant now);
  bool schedule_probe(Instant now);
  void on_probe_timeout(Instant now);
  bool poll_loss_probe(Instant now, Segment& segment, Packet& packet);
  void restart_timers(Instant now);

  // connection_send.cc
  void fill_header(Instant now, Segment& segment);
  void on_packet_out(Instant now, const Segment& segment);
  void note_sent(Instant now, SeqNum begin, SeqNum end);
  bool poll_reset(Instant now, Segment& segment);
  bool poll_frto(Instant now, Segment& segment, Packet& packet);
  bool poll_retransmission(Instant now, Segment& segment, Packet& packet);
  void send_again(Instant now, SackBlock range, bool as_probe, Segment& segment, Packet& packet);
  bool poll_new_data(Instant now, Segment& segment, Packet& packet);
  bool poll_probe(Instant now, Segment& segment, Packet& packet);
  bool poll_ack(Instant now, Segment& segment);
  void send_new(Instant now, std::uint32_t bytes, bool fin, Segment& segment, Packet& packet);
  std::uint32_t packet_room() const;
  std::uint32_t packet_max() const;

  // info.cc
  void fill_flight(Info& info) const;
  void fill_busy(Info& info, Instant now) const;
  void fill_rare(Info& info) const;
  void fill_timer(Info& info, Instant now) const;

  // connection_timers.cc
  void on_recovery_timers(Instant now);
  void on_retransmit_timeout(Instant now);
  void on_persist_timeout(Instant now);
  void on_keepalive_timeout(Instant now);
  void arm_persist(Instant now);
  Instant keepalive_at() const;

  // connection_receive.cc
  void acknowledge_now();
  void schedule_ack(Instant now, bool at_once);
  std::uint32_t receive_charge() const;
  void report_duplicate(SackBlock range);
  std::uint32_t take_window();  // moves the advertised edge; the window to send, in bytes
  std::optional<Drop> take_text(Instant now, const Segment& segment, Packet& packet);
  void note_data_arrival(Instant now, std::uint32_t bytes, std::uint32_t window);
  void measure_receive_rtt(Instant now, const Segment& segment);
  void take_receive_rtt(Duration sample, bool is_bound);
  std::uint32_t take_in_order(Packet& packet);
  std::optional<Drop> take_out_of_order(SeqNum begin, Packet& packet, std::uint32_t window);
  void drain_reassembly();
  void take_fin(Instant now);
  std::uint32_t read_stream(Instant now, MutableBytes bytes, bool peek);
  Result<std::size_t> receive_urgent(MutableBytes bytes, bool peek);
  void take_urgent(const Segment& segment, const Packet& packet);
  void after_read(Instant now, std::uint32_t bytes);

  Resources& resources_;
  Active* active_ = nullptr;
  SharedSettings* settings_;
  SendSequence snd_;
  ReceiveSequence rcv_;
  ReceiveWindow window_;
  RttEstimator rtt_;
  TimestampState timestamps_;
  DelayedAck delayed_ack_;
  CongestionControlSlot congestion_;
  Reordering reordering_;
  Instant last_received_{};         // any acceptable segment
  Instant last_probe_{};            // persist or keep-alive
  Instant fin_wait_2_at_ = kNever;  // when an orphan in FIN_WAIT_2 is forgotten
  Flags flags_;
  State state_ = State::closed;
  std::uint8_t acks_due_ = 0;  // pure ACKs that must leave at once
  EcnState ecn_;
  std::uint8_t probes_ = 0;      // unanswered persist or keep-alive probes
  std::uint8_t min_rtt_at_ = 0;  // when it was measured, in sixteenths of Config::min_rtt_window
  Readiness events_ = Readiness::none;
  Errno error_{};       // SO_ERROR; 0: none
  Errno soft_error_{};  // reported instead of ETIMEDOUT
  // cold from here on
  Counts counts_;
  FiveTuple tuple_;
  Path path_;
  ChallengeAck challenge_;
  std::uint32_t min_rtt_us_ = 0;
  std::uint32_t delivery_rate_ = 0;  // in kRateUnit bytes per second
  std::uint32_t delivered_ = 0;      // segments that the peer has, without our SYN
  BusyTotals busy_;
  std::uint32_t last_data_sent_ms_ = 0;
  std::uint32_t last_data_received_ms_ = 0;
  std::uint32_t receive_rtt_8us_ = 0;  // Linux's rcv_rtt_est, in eighths of a microsecond; 0: none
};

static_assert(sizeof(Connection) <= 384, "decisions.md D13: an idle connection costs 512 bytes all in");

}  // namespace sockeye::tcp

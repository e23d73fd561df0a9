// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The carrier of a TCP socket that connects or is connected (decisions.md D16, D17).
//
//     program ── write ──> [unread by us] ── peek ──> Socket::send ──> TCP
//     program <── read ─── [unread by it] <── send ── Socket::receive <── TCP
//
// The pill. Closing an AF_UNIX end with unread bytes makes the other end report ECONNRESET, closing it
// without makes it report end of file: that is how a reset and a FIN are told apart. A reset can come
// at any time, so at least one byte is left unread always: bytes are forwarded when they are *peeked*
// (SO_PEEK_OFF moves along) and taken out later, all but the last. The first pill is a byte that was
// written through the program's end before the program had it.
//
// A pill keeps its whole kernel buffer charged to the program, and too large a charge would keep POLLOUT
// off for ever. Writes and sendfile make no buffer that large, splice from a large pipe can. So after a
// burst in which there could have been one, everything is taken out, and a reset before the next write
// needs a pill from outside (on_pill_wanted).
//
// While the connection is being made the pill stands behind more junk, enough to keep POLLOUT off;
// ESTABLISHED takes the junk out.
//
// Windows. The carrier is a second buffer on both ways, so both are kept honest: nothing is taken from
// the program that Socket::send would not take, and what the program has not read is told to the
// socket (set_external_unread), which subtracts it from the advertised window.
//
// Left out: the sizes of the program's writes (TCP has none either), MSG_MORE and MSG_ZEROCOPY.
#pragma once

#include <optional>

#include "gate/carrier_end.h"
#include "gate/stream_carrier_ledger.h"

namespace sockeye::gate {

class StreamEnd final : public CarrierEnd {
 public:
  enum class Phase : std::uint8_t { connecting, open, ending, ended };

  // `fd`: our end. What is unread in it now is junk and pill; an accepted connection has a pill only.
  StreamEnd(CarrierSet& set, SocketRef socket, world::UniqueFd fd);

  void work(Instant now) override;
  bool is_finished() const override { return finished_; }
  Phase phase() const { return phase_; }

  // --- calls of the program that concern the bytes under way
  Result<std::size_t> send_urgent(Bytes bytes);
  void shut_reading();  // SHUT_RD: end of file behind what is in the carrier already
  // SHUT_WR is about to be done on the program's end by who holds it open: until on_shut_writing() no HUP is
  // the program's close.
  void expect_shut_writing() { will_shut_writing_ = true; }
  // SHUT_WR was just done on the program's end, and the program waits for the answer: whatever
  // happens to the descriptor next is its last close.
  void on_shut_writing();
  void reset();          // the program sees ECONNRESET, the peer a RST
  void on_pill_tried();  // the owner has done what it could about on_pill_wanted

  // --- questions
  std::uint32_t unforwarded_bytes() const;  // written by the program, not yet in the socket
  std::uint32_t unread_bytes();             // handed over, not yet read by the program
  // The error that ended the connection, once (SO_ERROR): it was taken from the socket to decide how
  // to end the carrier.
  std::optional<Errno> take_error() { return std::exchange(error_, std::nullopt); }

 private:
  struct Outward {                  // program -> socket
    std::uint32_t forwarded = 0;    // bytes at the head of our queue that the socket has; >= 1: the pill
    std::uint32_t peeks = 0;        // since they were last taken out
    std::size_t burst = 0;          // bytes forwarded since our queue was last read to its end
    bool waiting = true;            // there may be something to read that was not peeked at yet
    bool bulk = false;              // the last peek was large: take in large pieces
    bool ending = false;            // the kernel has reported an end: read on until it is reached
    bool ended = false;             // the program's FIN was handed on
    bool gone = false;              // the program's end is closed
    bool reset = false;             // … with bytes unread
    std::vector<std::byte> held;    // taken out, but the socket would not take them
    std::vector<std::byte> urgent;  // waits for what was written before it
  };
  struct Inward {  // socket -> program
    UnreadLedger ledger;
    std::uint32_t told = 0;        // set_external_unread
    std::uint32_t measure_at = 0;  // bytes of the ledger that are worth a system call
    std::uint32_t limit = 0;       // cost at which the kernel takes no more
    bool ended = false;            // FIN was handed on (or the program shut reading)
    bool refused = false;          // the kernel takes nothing more: the program's end is closed
    bool urgent = false;           // an urgent byte is somewhere in what the socket has
    bool drained = false;          // the socket had nothing more when last asked
    std::vector<std::byte> held;   // received, but the kernel would not take them
  };

  void check_connect();
  void open();
  void note_kernel_events(std::uint32_t events);
  // program -> socket
  void pump_out();
  bool flush_held_out();
  bool forward_peeked(std::size_t room);
  bool forward_bulk(std::size_t room);
  bool hand_over(Bytes bytes);
  bool flush_urgent();
  void take_out_forwarded();
  void end_burst();
  void discard(std::uint32_t bytes);
  void set_peek_offset();
  void end_outward(bool with_error);
  // socket -> program
  void pump_in();
  bool has_room_inward();
  bool move_in();
  bool pass_urgent_in();
  bool write_in(Bytes bytes, int flags);
  void end_inward();
  void settle_windows();
  std::uint32_t measured_unread();
  // the end
  void fail(Errno error);
  void check_end();
  void end_with_pill();
  void hang_up_now();
  void end_clean();

  Phase phase_ = Phase::connecting;
  bool finished_ = false;
  bool failing_ = false;       // the socket has failed; error_ or nothing is left to be read first
  bool shut_writing_ = false;  // by the program, natively
  bool will_shut_writing_ = false;
  std::uint32_t junk_ = 0;  // pill included
  Outward out_;
  Inward in_;
  std::optional<Errno> error_;
};

}  // namespace sockeye::gate

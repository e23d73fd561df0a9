// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// F-RTO (RFC 5682): was the time-out spurious, that is, were the segments late and not lost? After the
// timer only the first segment goes out again; the first ACK that advances lets new data out instead of
// further retransmissions; what is acknowledged next tells.
//
//   time-out -> 1. snd_una again -> ACK advances -> 2b. two new segments -> ACK of what was sent once
//                                -> duplicate: conventional                 -> 3b. spurious
//                                                                      else -> 3a. the loss was real
//
// Without SACK (2.1) and with it (3.1): they differ in what shows that an original has arrived, which
// the caller knows.
#pragma once

#include "core/seqnum.h"

namespace sockeye::tcp {

class Frto {
 public:
  struct Heard {
    bool original = false;   // data from before the time-out, sent only once, was (S)ACKed
    bool duplicate = false;  // a duplicate ACK, or one with new SACK information
    bool advances = false;   // snd_una moved
    bool recovered = false;  // ... to the end of what was sent before the time-out
    bool can_send_new = false;
    bool sent_new = false;  // snd_nxt has moved since the step before
  };
  enum class Advice { conventional, send_new, spurious };

  void on_timeout(bool allowed) { is_active_ = allowed; }
  void stop() { is_active_ = false; }

  Advice on_ack(const Heard& heard) {
    if (!is_active_) return Advice::conventional;
    if (heard.original) {  // 3.b
      is_active_ = false;
      return Advice::spurious;
    }
    if (heard.sent_new) {
      if (heard.duplicate) is_active_ = false;  // 3.a
      return Advice::conventional;
    }
    if (heard.advances && !heard.recovered) {
      if (heard.can_send_new) return Advice::send_new;  // 2.b
      is_active_ = false;
    }
    return Advice::conventional;
  }

 private:
  bool is_active_ = false;
};

}  // namespace sockeye::tcp

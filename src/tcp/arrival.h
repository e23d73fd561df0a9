// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A segment arrives: RFC 9293 3.10.7.4's checks in its order, one function each, and 3.10.7.3 for
// SYN-SENT. With RFC 7323 5 (PAWS) in the first, RFC 5961 in the second, fourth and fifth. Security
// (the third) is IP's compartments, which nobody has.
#pragma once

#include <optional>

#include "core/drop.h"
#include "core/time.h"
#include "tcp/segment.h"

namespace sockeye {
class Packet;
}

namespace sockeye::tcp {

class Connection;

class Arrival {
 public:
  Arrival(Connection& connection, Instant now, const Segment& segment, Packet& packet)
      : c_(connection), now_(now), segment_(segment), packet_(packet) {}

  // The answer says why the segment was discarded, if it was.
  std::optional<Drop> run();

 private:
  // A check that ends the processing says so, perhaps with the reason of a discard.
  struct Verdict {
    bool proceeds = true;
    std::optional<Drop> drop{};
  };
  static Verdict proceed() { return {}; }
  static Verdict stop() { return {false, std::nullopt}; }
  static Verdict discard(Drop reason) { return {false, reason}; }

  Verdict check_sequence();  // first
  Verdict check_reset();     // second
  Verdict check_syn();       // fourth
  Verdict check_ack();       // fifth
  Verdict check_urgent();    // sixth
  Verdict process_text();    // seventh
  Verdict check_fin();       // eighth

  std::optional<Drop> in_syn_sent();
  bool acknowledges_our_syn() const;
  bool echoes_our_syn() const;
  void take_syn();

  Verdict ack_in_syn_received();
  Verdict after_ack_of_fin();
  Verdict challenge(Drop reason);
  void reset_reply();

  Connection& c_;
  const Instant now_;
  const Segment& segment_;
  Packet& packet_;
};

}  // namespace sockeye::tcp

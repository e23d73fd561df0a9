// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/state.h"

#include <iterator>

namespace sockeye::tcp {

std::string_view name_of(State state) {
  static constexpr std::string_view kNames[] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                                "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                                "CLOSING",     "LAST-ACK",   "TIME-WAIT"};
  static_assert(std::size(kNames) == kStates);
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view name_of(Event event) {
  static constexpr std::string_view kNames[] = {"open_passive",
                                                "open_active",
                                                "open_established",
                                                "receive_syn",
                                                "receive_syn_ack",
                                                "receive_ack_of_syn",
                                                "close",
                                                "receive_fin",
                                                "receive_ack_of_fin",
                                                "receive_ack_of_fin_and_fin",
                                                "receive_rst",
                                                "time_wait_expired",
                                                "timeout",
                                                "abort"};
  static_assert(std::size(kNames) == kEvents);
  return kNames[static_cast<std::size_t>(event)];
}

std::string transitions_text() {
  std::string text;
  for (std::size_t from = 0; from < kStates; ++from) {
    for (std::size_t on = 0; on < kEvents; ++on) {
      const auto to = next_state(static_cast<State>(from), static_cast<Event>(on));
      text += name_of(static_cast<State>(from));
      text += ' ';
      text += name_of(static_cast<Event>(on));
      text += " -> ";
      text += to ? name_of(*to) : "not an event of this state";
      text += '\n';
    }
  }
  return text;
}

std::string transitions_dot() {
  std::string text =
      "digraph tcp_states {\n  node [shape=box, fontname=\"monospace\"];\n"
      "  edge [fontname=\"monospace\", fontsize=10];\n";
  for (const Transition& t : kTransitions) {
    text += "  \"";
    text += name_of(t.from);
    text += "\" -> \"";
    text += name_of(t.to);
    text += "\" [label=\"";
    text += name_of(t.on);
    text += "\"];\n";
  }
  text += "}\n";
  return text;
}

}  // namespace sockeye::tcp

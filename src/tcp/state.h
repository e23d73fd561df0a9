// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The states of a connection (RFC 9293 3.3.2). Placeholder for the transition table.
#pragma once

#include <cstdint>
#include <string_view>

namespace sockeye::tcp {

enum class State : std::uint8_t {
  closed,
  listen,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};

std::string_view name_of(State state);  // "SYN-SENT" as in the RFC

}  // namespace sockeye::tcp

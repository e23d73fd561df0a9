// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The states of a connection and the only ways between them: RFC 9293 3.3.2 (figure 5) and the events
// of 3.10 that the figure leaves out (resets, aborts, time-outs). Connection::enter() is the one place
// that changes a state, and it asks this table. The graph in docs/ and the golden test are made from it.
//
// Two departures from the figure, both because half-open connections of a listener are compact
// entries and not connections: `open_established` is how the child of a listener (or a restored
// snapshot) begins, and a RST in SYN-RECEIVED closes instead of returning to LISTEN. Reopening from
// TIME-WAIT (RFC 6191) ends the record and starts a new connection, so it is no transition either.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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
inline constexpr std::size_t kStates = 11;

enum class Event : std::uint8_t {
  open_passive,                // OPEN for a listener
  open_active,                 // OPEN towards a peer; also SEND on a listener
  open_established,            // the SYN queue has completed the handshake, or a snapshot is restored
  receive_syn,                 // a SYN without an ACK of ours (in SYN-SENT: simultaneous open)
  receive_syn_ack,             // a SYN that acknowledges our SYN
  receive_ack_of_syn,          // our SYN (or SYN-ACK) is acknowledged
  close,                       // CLOSE, or the writing half shut down: a FIN is to follow the data
  receive_fin,                 // the peer's FIN, in order
  receive_ack_of_fin,          // our FIN is acknowledged
  receive_ack_of_fin_and_fin,  // both in one segment
  receive_rst,                 // a RST that passed RFC 5961's checks
  time_wait_expired,           // 2 MSL have passed
  timeout,                     // R2, user timeout, keep-alive, FIN_WAIT_2 timeout
  abort,                       // ABORT, or a fatal ICMP error
};
inline constexpr std::size_t kEvents = 14;

struct Transition {
  State from;
  Event on;
  State to;
};

inline constexpr Transition kTransitions[] = {
    {State::closed, Event::open_passive, State::listen},
    {State::closed, Event::open_active, State::syn_sent},
    {State::closed, Event::open_established, State::established},

    {State::listen, Event::open_active, State::syn_sent},
    {State::listen, Event::receive_syn, State::syn_received},
    {State::listen, Event::close, State::closed},
    {State::listen, Event::abort, State::closed},

    {State::syn_sent, Event::receive_syn, State::syn_received},
    {State::syn_sent, Event::receive_syn_ack, State::established},
    {State::syn_sent, Event::close, State::closed},
    {State::syn_sent, Event::receive_rst, State::closed},
    {State::syn_sent, Event::timeout, State::closed},
    {State::syn_sent, Event::abort, State::closed},

    {State::syn_received, Event::receive_ack_of_syn, State::established},
    {State::syn_received, Event::close, State::fin_wait_1},
    {State::syn_received, Event::receive_rst, State::closed},
    {State::syn_received, Event::timeout, State::closed},
    {State::syn_received, Event::abort, State::closed},

    {State::established, Event::close, State::fin_wait_1},
    {State::established, Event::receive_fin, State::close_wait},
    {State::established, Event::receive_rst, State::closed},
    {State::established, Event::timeout, State::closed},
    {State::established, Event::abort, State::closed},

    {State::fin_wait_1, Event::receive_ack_of_fin, State::fin_wait_2},
    {State::fin_wait_1, Event::receive_fin, State::closing},
    {State::fin_wait_1, Event::receive_ack_of_fin_and_fin, State::time_wait},
    {State::fin_wait_1, Event::receive_rst, State::closed},
    {State::fin_wait_1, Event::timeout, State::closed},
    {State::fin_wait_1, Event::abort, State::closed},

    {State::fin_wait_2, Event::receive_fin, State::time_wait},
    {State::fin_wait_2, Event::receive_rst, State::closed},
    {State::fin_wait_2, Event::timeout, State::closed},
    {State::fin_wait_2, Event::abort, State::closed},

    {State::close_wait, Event::close, State::last_ack},
    {State::close_wait, Event::receive_rst, State::closed},
    {State::close_wait, Event::timeout, State::closed},
    {State::close_wait, Event::abort, State::closed},

    {State::closing, Event::receive_ack_of_fin, State::time_wait},
    {State::closing, Event::receive_rst, State::closed},
    {State::closing, Event::timeout, State::closed},
    {State::closing, Event::abort, State::closed},

    {State::last_ack, Event::receive_ack_of_fin, State::closed},
    {State::last_ack, Event::receive_rst, State::closed},
    {State::last_ack, Event::timeout, State::closed},
    {State::last_ack, Event::abort, State::closed},

    {State::time_wait, Event::time_wait_expired, State::closed},
    {State::time_wait, Event::receive_rst, State::closed},
    {State::time_wait, Event::abort, State::closed},
};

namespace detail {

inline constexpr std::uint8_t kNowhere = 0xff;
using NextTable = std::array<std::array<std::uint8_t, kEvents>, kStates>;

constexpr NextTable make_next_table() {
  NextTable table{};
  for (auto& row : table) row.fill(kNowhere);
  for (const Transition& t : kTransitions)
    table[static_cast<std::size_t>(t.from)][static_cast<std::size_t>(t.on)] = static_cast<std::uint8_t>(t.to);
  return table;
}
inline constexpr NextTable kNext = make_next_table();

// No (state, event) pair is listed twice.
constexpr bool is_deterministic() {
  std::size_t filled = 0;
  for (const auto& row : kNext)
    for (const std::uint8_t to : row) filled += to != kNowhere;
  return filled == std::size(kTransitions);
}
static_assert(is_deterministic());

}  // namespace detail

// Where `event` leads from `from`; empty when it is not an event of that state.
constexpr std::optional<State> next_state(State from, Event event) {
  const std::uint8_t to = detail::kNext[static_cast<std::size_t>(from)][static_cast<std::size_t>(event)];
  if (to == detail::kNowhere) return std::nullopt;
  return static_cast<State>(to);
}

// RFC 9293 3.10: the states in which both ends have synchronized their sequence numbers.
constexpr bool is_synchronized(State state) {
  return state >= State::established;
}
// May the user's data still be sent (3.10.2), may the peer's still arrive (3.10.7.4, seventh)?
constexpr bool can_send(State state) {
  return state == State::established || state == State::close_wait;
}
constexpr bool can_receive(State state) {
  return state == State::established || state == State::fin_wait_1 || state == State::fin_wait_2;
}

std::string_view name_of(State state);  // "SYN-SENT" as in the RFC
std::string_view name_of(Event event);  // "receive_syn_ack"

// Every state x event, one line each, and the same as a Graphviz graph: for docs/ and the golden test.
std::string transitions_text();
std::string transitions_dot();

}  // namespace sockeye::tcp

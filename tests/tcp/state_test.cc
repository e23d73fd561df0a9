// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The transition table as a whole: the golden files are what docs/ shows. UPDATE_GOLDEN=1 rewrites them.
#include "tcp/state.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace sockeye::tcp {
namespace {

void compare_with_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(SOCKEYE_SOURCE_DIR) + "/tests/golden/" + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing: run with UPDATE_GOLDEN=1";
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str()) << "if that is right, run with UPDATE_GOLDEN=1";
}

TEST(TcpStates, EveryStateAndEvent) {
  compare_with_golden("tcp_states.txt", transitions_text());
}

TEST(TcpStates, Graph) {
  compare_with_golden("tcp_states.dot", transitions_dot());
}

// RFC 9293 figure 5, along its edges.
TEST(TcpStates, TheUsualLives) {
  const auto walk = [](State from, std::initializer_list<Event> events) {
    for (const Event event : events) {
      const auto next = next_state(from, event);
      if (!next) return std::string(name_of(from)) + " knows no " + std::string(name_of(event));
      from = *next;
    }
    return std::string(name_of(from));
  };
  using E = Event;
  EXPECT_EQ(walk(State::closed, {E::open_active, E::receive_syn_ack, E::close, E::receive_ack_of_fin,
                                 E::receive_fin, E::time_wait_expired}),
            "CLOSED");
  EXPECT_EQ(walk(State::closed, {E::open_passive, E::receive_syn, E::receive_ack_of_syn, E::receive_fin,
                                 E::close, E::receive_ack_of_fin}),
            "CLOSED");
  EXPECT_EQ(walk(State::closed, {E::open_active, E::receive_syn, E::receive_ack_of_syn}), "ESTABLISHED");
  EXPECT_EQ(walk(State::established, {E::close, E::receive_fin, E::receive_ack_of_fin}), "TIME-WAIT");
  EXPECT_EQ(walk(State::established, {E::close, E::receive_ack_of_fin_and_fin}), "TIME-WAIT");
}

TEST(TcpStates, EveryStateIsReachedAndEveryOpenOneCanBeLeft) {
  bool reached[kStates] = {true};
  for (int round = 0; round < static_cast<int>(kStates); ++round)
    for (const Transition& t : kTransitions)
      if (reached[static_cast<std::size_t>(t.from)]) reached[static_cast<std::size_t>(t.to)] = true;
  for (std::size_t i = 0; i < kStates; ++i) {
    const auto state = static_cast<State>(i);
    EXPECT_TRUE(reached[i]) << name_of(state);
    if (state == State::closed) continue;
    EXPECT_EQ(next_state(state, Event::abort), State::closed) << name_of(state);
    if (!is_synchronized(state)) continue;
    EXPECT_EQ(next_state(state, Event::receive_rst), State::closed) << name_of(state);
  }
}

}  // namespace
}  // namespace sockeye::tcp

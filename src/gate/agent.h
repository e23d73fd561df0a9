// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The gate agent (decisions.md D1): the process that starts CMD under the seccomp filter, is the
// only holder of the notification listener, and turns trapped socket calls into requests to the
// world. `sockeye run` calls run_agent() once, in its own single-threaded process; `sockeye pair`
// forks twice and calls it in each child, with two sessions to one world.
//
// The session is an AF_UNIX SOCK_SEQPACKET descriptor on which hello has been said (say_hello).
// Start the world *before* run_agent: from then on this process is a subreaper and collects every
// orphan among its descendants.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/protocol.h"

namespace sockeye::gate {

struct Notice {
  NoticeCode code = NoticeCode::none;
  std::int64_t arg[3] = {0, 0, 0};  // listening: port, 6 or 17
  std::string text;                 // refused: the sentence
};

struct AgentOptions {
  std::vector<std::string> command;  // CMD and its arguments; looked up in PATH
  int session = -1;                  // taken over: closed when run_agent returns
  bool report = false;               // print what was asked for and refused, on stderr, at the end
  bool stdin_null = false;           // CMD reads /dev/null
  // > 0: this long after the first forwarded TERM, INT or HUP every remaining descendant is killed.
  std::chrono::milliseconds kill_after{0};
  // The whole tree is ended once CMD itself has ended (else the agent waits for the last task).
  bool end_with_command = false;
  // Called in this process, on the agent's only thread, for each notice of the world. Must not block.
  std::function<void(const Notice&)> on_notice;
};

// Runs CMD to its end. Returns the exit status for `sockeye run`: CMD's own, 128 + signal when a
// signal ended it, 127 / 126 when it could not be found / executed, 125 when the gate itself could not
// be set up (the reason was printed on stderr). INT, TERM, HUP and QUIT are forwarded to CMD.
int run_agent(AgentOptions options);

struct HelloAnswer {
  std::int64_t result = -1;  // 0, or -1: `text` says why
  std::string text;          // "key=value\n" lines
};

// Sends Request::hello with `text` on a blocking session and waits for its Reply. A world that hangs
// up answers as { -1, "the world ended" }. `capture` >= 0 goes along: a duplicate of the file that the
// world is to write packets into.
HelloAnswer say_hello(int session, std::string_view text, int capture = -1);

// Sends Request::query ("ss -tan" and friends) on a session and waits for its Reply. Usable only on a
// session that no run_agent reads.
HelloAnswer ask_world(int session, std::string_view query);

}  // namespace sockeye::gate

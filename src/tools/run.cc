// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// sockeye run: this process becomes the gate agent of CMD.
#include "gate/agent.h"
#include "tools/commands.h"
#include "tools/enter_world.h"

namespace sockeye::tools {

int run(const RunCommand& command) try {
  const WorldChoice& choice = command.choice;
  world::UniqueFd capture = open_capture(choice.pcap);
  // With a capture, a second connection learns when all of it is in the file.
  std::vector<world::UniqueFd> connections = connect_to_world(choice.world, capture ? 2 : 1, true);
  HostRequest request;
  request.host = command.host;
  request.command = joined(command.command);
  request.keep = command.keep;
  request.capture = capture.get();
  // A private world has no other host for the network to lie between.
  request.impair_loopback = choice.world.empty() && choice.net.has_value();
  const world::Welcome welcome = say_hello(connections[0].get(), choice, request);
  capture.reset();
  if (request.impair_loopback) remark("--net applies to this host's loopback: there is no other host");
  remark_on_seed(choice, welcome);
  warn_of_hosts_file({command.host});

  gate::AgentOptions options;
  options.command = command.command;
  options.session = connections[0].release();
  options.report = choice.report;
  const int status = gate::run_agent(std::move(options));
  if (connections.size() > 1) gate::ask_world(connections[1].get(), "flush");
  return status;
} catch (const Failure& failure) {
  return failure.tell("sockeye run");
}

}  // namespace sockeye::tools

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/agent.h"
#include "tools/commands.h"
#include "tools/enter_world.h"

namespace sockeye::tools {

int down(const DownCommand& command) try {
  const std::vector<world::UniqueFd> connection = connect_to_world(command.world, 1, false);
  say_hello(connection[0].get());
  gate::ask_world(connection[0].get(), "end");
  // Until it has hung up: who starts a world of that name now gets a new one.
  gate::ask_world(connection[0].get(), "sockets 0");
  return 0;
} catch (const Failure& failure) {
  return failure.tell("sockeye down");
}

}  // namespace sockeye::tools

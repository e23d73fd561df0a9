// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/world_process.h"

#include <sys/prctl.h>

#include "gate/protocol.h"
#include "gate/session.h"
#include "world/sandbox.h"
#include "world/world.h"

namespace sockeye::tools {

int world_process(world::WorldStart start) {
  ::prctl(PR_SET_NAME, "sockeye-world");  // what ps and top show
  if (!world::lock_system_calls(start.notes)) return 1;
  world::WorldOptions options;
  options.version = gate::kProtocolVersion;
  options.notes = std::move(start.notes);
  world::World world(std::move(options), gate::make_session_factory());
  for (world::UniqueFd& agent : start.agents) world.add_agent(std::move(agent));
  if (start.listener) world.listen_on(std::move(start.listener), std::move(start.lock));
  world.catch_signals();
  world.run();
  return 0;
}

}  // namespace sockeye::tools

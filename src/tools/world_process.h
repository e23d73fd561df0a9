// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The main function of a world process: where world/ and gate/ meet.
#pragma once

#include "world/rendezvous.h"

namespace sockeye::tools {

int world_process(world::WorldStart start);

}  // namespace sockeye::tools

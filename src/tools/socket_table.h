// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The world's sockets, fetched over a session, and laid out with what this machine knows: the names
// of processes and services.
#pragma once

#include <string>
#include <vector>

#include "world/report.h"

namespace sockeye::tools {

std::vector<world::SocketRow> fetch_sockets(int session);
std::string socket_table(const std::vector<world::SocketRow>& rows, const world::TableOptions& options);

}  // namespace sockeye::tools

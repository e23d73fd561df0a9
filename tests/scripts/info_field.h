// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The comparisons of a script's check, "tcpi_snd_cwnd == 10, tcpi_rtt >= 9000", on what TCP_INFO answers.
#pragma once

#include <string>
#include <string_view>

#include "socket/tcp_info.h"

namespace sockeye::scripts {

// Empty: all hold.
std::string compare_info(const LinuxTcpInfo& info, std::string_view comparisons);

}  // namespace sockeye::scripts

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// ioctl's questions about network interfaces (netdevice(7)): a host has lo and eth0. Questions only: what
// would change something is EPERM, as for any program without rights.
#pragma once

#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "stack/stack.h"

namespace sockeye::gate {

// `given`: the program's struct ifreq. The answer is what is copied back: the same struct filled in or, for
// SIOCGIFCONF, as many of them as fit into `room` bytes (room 0: all of them).
Result<std::vector<std::byte>> answer_interface_request(const Stack& stack, unsigned long request,
                                                        Bytes given, std::size_t room);

}  // namespace sockeye::gate

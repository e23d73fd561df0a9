// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Control messages (cmsg(3)) of sendmsg and recvmsg: packet information, TTL, TOS and their IPv6
// sisters, and the error queue's sock_extended_err. What the socket did not ask for (IP_PKTINFO,
// IP_RECVTTL, …) is not given; what does not fit sets MSG_CTRUNC.
#pragma once

#include <sys/socket.h>

#include "core/result.h"
#include "socket/socket.h"

namespace sockeye::posix {

// Reads msg_control into `out`. EINVAL for what is malformed or unknown.
Result<> parse_control(const Socket& socket, const msghdr& message, Outgoing& out);

// Fills msg_control, msg_controllen and MSG_CTRUNC of a message that was received.
void store_control(Socket& socket, const Incoming& in, msghdr& message);

}  // namespace sockeye::posix

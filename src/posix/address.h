// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// struct sockaddr in and out, with the errors that Linux gives for what a program passes: EFAULT for
// no memory, EINVAL for too short, EAFNOSUPPORT for another family. The three users differ in detail.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "core/result.h"
#include "socket/socket.h"

namespace sockeye::posix {

// bind(2). AF_UNSPEC with 0.0.0.0 counts as AF_INET.
Result<Endpoint> bind_address(const Socket& socket, const sockaddr* address, socklen_t size);
// connect(2). Empty: AF_UNSPEC, dissolve the association.
Result<std::optional<Endpoint>> connect_address(Socket& socket, const sockaddr* address, socklen_t size);
// sendto(2), sendmsg(2) of a datagram. Empty: no address.
Result<std::optional<Endpoint>> send_address(Socket& socket, const sockaddr* address, socklen_t size);

// Copies as much as *size allows; *size becomes the full length.
Result<> store_address(const Socket& socket, const Endpoint& endpoint, sockaddr* address, socklen_t* size);
Result<> store_no_address(sockaddr* address, socklen_t* size);  // a stream's recvfrom

// The struct for an endpoint in the family of the socket; its length.
socklen_t to_sockaddr(const Socket& socket, const Endpoint& endpoint, sockaddr_storage& out);

}  // namespace sockeye::posix

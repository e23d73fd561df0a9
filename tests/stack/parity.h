// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One sequence of socket calls, run on the kernel's loopback and on ours, with everything that the
// calls answer written down. The two logs must be equal: the kernel is the oracle.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace sockeye {

class SocketCalls {
 public:
  virtual ~SocketCalls() = default;
  virtual int open(int domain, int type, int protocol = 0) = 0;  // a handle, or a negative errno
  virtual std::string bind(int socket, const std::string& address, unsigned port) = 0;
  virtual std::string listen(int socket, int backlog) = 0;
  virtual std::string connect(int socket, const std::string& address, unsigned port) = 0;
  virtual std::string dissolve(int socket) = 0;  // connect() to AF_UNSPEC
  virtual int accept(int socket) = 0;
  virtual std::string send(int socket, const std::string& text, int flags = 0) = 0;
  virtual std::string send_to(int socket, const std::string& text, const std::string& address,
                              unsigned port) = 0;
  virtual std::string receive(int socket, std::size_t room, int flags = 0) = 0;
  virtual std::string shutdown(int socket, int how) = 0;
  virtual void close(int socket) = 0;
  virtual std::string set(int socket, int level, int name, int value, unsigned bytes = sizeof(int)) = 0;
  virtual std::string get(int socket, int level, int name) = 0;
  virtual std::string poll(int socket) = 0;           // the bits that are ready, after a wait for any of
  virtual void wait(int socket, short events) = 0;    // these events, as long as it takes
  virtual std::string local_address(int socket) = 0;  // without the port
  virtual unsigned local_port(int socket) = 0;
  virtual std::string peer(int socket) = 0;  // the address, or the error
};

std::unique_ptr<SocketCalls> kernel_calls();
std::unique_ptr<SocketCalls> our_calls();
// A port that nobody uses at present.
unsigned unused_port();
std::string error_name(int error);

}  // namespace sockeye

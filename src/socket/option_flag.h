// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The two functions of an OptionRow whose option is a flag of SocketOptions and nothing more.
#pragma once

#include "socket/base_socket.h"

namespace sockeye {

template <bool SocketOptions::*member>
Result<> set_flag(BaseSocket& socket, int value) {
  socket.own_options().*member = value != 0;
  return {};
}
template <bool SocketOptions::*member>
Result<int> get_flag(const BaseSocket& socket) {
  return socket.options().*member ? 1 : 0;
}

}  // namespace sockeye

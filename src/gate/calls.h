// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What each trapped call does. `on_socket` comes without a descriptor; all others have one that was
// found to be a socket of the world's (`on_ours`), or one that is not (`on_foreign`: mostly the kernel's own
// business, except where it would lead to the host's network).
#pragma once

#include "gate/call.h"
#include "gate/gate.h"

namespace sockeye::gate {

void on_socket(Gate& gate, CallPtr call);
void on_ours(Gate& gate, CallPtr call);
void on_foreign(Gate& gate, CallPtr call);

// calls_open.cc
void on_bind(Gate& gate, CallPtr call);
void on_listen(Gate& gate, CallPtr call);
void on_connect(Gate& gate, CallPtr call);
void on_shutdown(Gate& gate, CallPtr call);
// calls_accept.cc
void on_accept(Gate& gate, CallPtr call);
// calls_option.cc
void on_local_name(Gate& gate, CallPtr call);
void on_peer_name(Gate& gate, CallPtr call);
void on_set_option(Gate& gate, CallPtr call);
void on_get_option(Gate& gate, CallPtr call);
void on_control(Gate& gate, CallPtr call);
// calls_send.cc
void on_send_to(Gate& gate, CallPtr call);
void on_send_message(Gate& gate, CallPtr call);
void on_send_messages(Gate& gate, CallPtr call);
// calls_receive.cc
void on_receive_from(Gate& gate, CallPtr call);
void on_receive_message(Gate& gate, CallPtr call);
void on_receive_messages(Gate& gate, CallPtr call);

// Reads a sockaddr argument the way the kernel does: 0, -EINVAL or -EFAULT.
std::int64_t read_address(Gate& gate, const Call& call, std::uint64_t address, std::int64_t length,
                          std::string& bytes);
// Writes one, with its length behind `length_address`: 0, -EINVAL or -EFAULT.
std::int64_t write_address(Gate& gate, const Call& call, std::uint64_t address, std::uint64_t length_address,
                           std::string_view bytes);

// The call may sleep in the world, up to the time-out of its socket (SO_RCVTIMEO, SO_SNDTIMEO), unless the
// descriptor is non-blocking: sets up `call` and `request` for it.
void park_unless_nonblocking(Gate& gate, Call& call, Request& request, int time_out_option);
// Before Gate::wait_ready: the deadline from the time-out, and whether a signal may restart the call
// (`untouched`: it has moved nothing yet).
void limit_wait(Call& call, int time_out_option, bool untouched);

}  // namespace sockeye::gate

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The system-call filter that programs run under (decisions.md D5): socket *control* calls go to the
// agent; data calls stay with the kernel unless an argument that BPF can see asks for something only
// we can do (an address, out-of-band data, the error queue). What would reach the host's network around us
// is refused: other socket families by the agent, io_uring and foreign system-call tables right here.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace sockeye::gate {

std::vector<sock_filter> build_filter();

// What the filter decides, for tests: SECCOMP_RET_ALLOW, SECCOMP_RET_USER_NOTIF or SECCOMP_RET_ERRNO | errno.
struct SystemCall {
  unsigned architecture = 0;
  int number = 0;
  unsigned long long argument[6] = {};
};
unsigned run_filter(const std::vector<sock_filter>& program, const SystemCall& call);

// The audit number of the architecture that we were built for.
unsigned native_architecture();

}  // namespace sockeye::gate

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// SOCKEYE_ASSERT: a broken invariant stops the program with the place. It stays on in every build
// but release-fast; what an outsider can cause (a packet, an argument) is never an assertion.
#pragma once

namespace sockeye {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace sockeye

#ifdef SOCKEYE_NO_ASSERT
#define SOCKEYE_ASSERT(expression) static_cast<void>(0)
#else
#define SOCKEYE_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::sockeye::assertion_failed(#expression, __FILE__, __LINE__))
#endif

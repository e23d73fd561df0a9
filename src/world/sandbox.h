// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How the world gives up its rights, in the order in which it has to happen:
//
//   enter_namespaces()   before the last fork: user (not as root), network, mount, pid, ipc
//   shed_rights()        in the world: inherited descriptors, root directory, user id, limits
//   lock_system_calls()  when everything that must be opened is open: an allow-list, KILL_PROCESS
//
// Each step does what this kernel and container permit and adds a sentence for what it could not do;
// only what nothing forbids (no_new_privs, the allow-list) is an error when it fails. What remains: a
// process without files, devices, network and capabilities that holds sockets others gave it.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace sockeye::world {

using SandboxNotes = std::vector<std::string>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

void enter_namespaces(SandboxNotes& notes);

// Descriptors 0, 1 and 2 stay what they are.
void shed_rights(std::span<const int> keep, SandboxNotes& notes);

// False, with a note, when the kernel refuses; the world then does not start. In sanitizer builds
// nothing is locked: their run-time needs calls that the world does not.
bool lock_system_calls(SandboxNotes& notes);

// Closes every descriptor from 3 on that is not in `keep`.
void close_other_descriptors(std::span<const int> keep);

}  // namespace sockeye::world

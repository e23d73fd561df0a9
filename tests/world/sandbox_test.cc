// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Each test does the thing in a child process and looks at how it ended.
#include "world/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "world/unique_fd.h"

namespace sockeye::world {
namespace {

// 0..255: exit status; 1000 + n: killed by signal n.
int outcome_of(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int locked(const std::function<int()>& act) {
  return outcome_of([&] {
    SandboxNotes notes;
    if (!lock_system_calls(notes)) return 200;
    return act();
  });
}

TEST(SystemCalls, what_the_world_needs_works) {
  EXPECT_EQ(locked([] {
              int pair[2];
              if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return 1;
              if (::send(pair[0], "x", 1, MSG_NOSIGNAL) != 1) return 2;
              char byte;
              if (::recv(pair[1], &byte, 1, 0) != 1) return 3;
              void* block =
                  ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              if (block == MAP_FAILED) return 4;
              struct stat status;
              if (::fstat(pair[0], &status) != 0) return 5;
              return 0;
            }),
            0);
}

TEST(SystemCalls, everything_else_kills) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer build does not restrict its system calls";
  EXPECT_EQ(locked([] { return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? 1 : 2; }), 1000 + SIGSYS);
  EXPECT_EQ(locked([] { return ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? 1 : 2; }), 1000 + SIGSYS);
  EXPECT_EQ(locked([] { return static_cast<int>(::fork() < 0); }), 1000 + SIGSYS);
  EXPECT_EQ(locked([] { return ::execl("/bin/true", "true", nullptr); }), 1000 + SIGSYS);
  EXPECT_EQ(locked([] {
              return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                             MAP_FAILED
                         ? 1
                         : 2;
            }),
            1000 + SIGSYS);
  EXPECT_EQ(locked([] { return ::kill(1, 0); }), 1000 + SIGSYS);
}

// Namespaces may be forbidden here (a container); then there is a note, and nothing else to test.
int in_namespaces(const std::function<int(const SandboxNotes&)>& act) {
  return outcome_of([&] {
    SandboxNotes notes;
    enter_namespaces(notes);
    return outcome_of([&] {
      shed_rights({}, notes);
      return act(notes);
    });
  });
}

TEST(Sandbox, the_root_directory_is_empty_or_a_note_says_why_not) {
  EXPECT_EQ(in_namespaces([](const SandboxNotes& notes) {
              if (!notes.empty()) return 0;
              if (::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOENT) return 1;
              if (::open("/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0) return 2;
              return 0;
            }),
            0);
}

TEST(Sandbox, the_network_is_empty_or_a_note_says_why_not) {
  EXPECT_EQ(in_namespaces([](const SandboxNotes& notes) {
              if (!notes.empty()) return 0;
              const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
              sockaddr_in to{};
              to.sin_family = AF_INET;
              to.sin_port = htons(53);
              to.sin_addr.s_addr = htonl(0x08080808);
              if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return 1;
              return errno == ENETUNREACH ? 0 : 2;
            }),
            0);
}

TEST(Sandbox, the_user_is_not_root) {
  EXPECT_EQ(in_namespaces([](const SandboxNotes&) { return ::geteuid() == 0 || ::setuid(0) == 0; }), 0);
}

TEST(Sandbox, only_the_descriptors_named_stay_open) {
  EXPECT_EQ(outcome_of([] {
              int fds[5];
              for (int& fd : fds) fd = ::dup(0);
              const int keep[] = {fds[3], fds[1]};
              close_other_descriptors(keep);
              for (int i = 0; i < 5; ++i)
                if ((::fcntl(fds[i], F_GETFD) >= 0) != (i == 1 || i == 3)) return i + 1;
              return ::fcntl(2, F_GETFD) >= 0 ? 0 : 9;
            }),
            0);
}

TEST(Sandbox, the_soft_descriptor_limit_becomes_the_hard_one) {
  EXPECT_EQ(outcome_of([] {
              rlimit limit{};
              ::getrlimit(RLIMIT_NOFILE, &limit);
              limit.rlim_cur = 64;
              ::setrlimit(RLIMIT_NOFILE, &limit);
              SandboxNotes notes{"sandbox: no mount namespace: not tried"};
              shed_rights({}, notes);
              ::getrlimit(RLIMIT_NOFILE, &limit);
              return limit.rlim_cur == limit.rlim_max ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace sockeye::world

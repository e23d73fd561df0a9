// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The world's list of system calls. It moves bytes between descriptors that it holds, waits, reads
// the clock and allocates memory; everything else kills it. No call that takes a path is on the
// list, none that makes a process, a thread or executable memory, and sockets are AF_UNIX pairs.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "world/sandbox.h"

namespace sockeye::world {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the world's list of system calls is not written for this architecture"
#endif

constexpr int kAllowed[] = {
    // bytes
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_recvfrom,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_recvmmsg,
    SYS_sendmmsg,
    SYS_lseek,
    SYS_fsync,
    SYS_fdatasync,
    // descriptors it was given
    SYS_close,
    SYS_close_range,
    SYS_dup,
    SYS_dup3,
    SYS_fcntl,
    SYS_fstat,
    SYS_ioctl,
    SYS_shutdown,
    SYS_accept4,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_eventfd2,
    SYS_flock,
    // waiting and time
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_ppoll,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_futex,
    SYS_sched_yield,
    SYS_restart_syscall,
    // memory
    SYS_signalfd4,
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_getrandom,
    // signals and the end
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
    SYS_exit,
    SYS_exit_group,
#if defined(__x86_64__)
    SYS_epoll_wait,
    SYS_poll,
    SYS_dup2,
    SYS_time,
#endif
};

constexpr std::size_t argument(unsigned index) {  // the low half: both machines are little-endian
  return offsetof(seccomp_data, args) + index * sizeof(std::uint64_t);
}

class Filter {
 public:
  void add(const sock_filter& instruction) { code_[count_++] = instruction; }
  void load(std::size_t offset) {
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  }
  void answer(std::uint32_t value) { add(BPF_STMT(BPF_RET | BPF_K, value)); }
  // If the accumulator is `value`, do the next `count` instructions; else skip them.
  void if_equal(std::uint32_t value, std::uint8_t count) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
  }
  void allow(int number) {
    if_equal(static_cast<std::uint32_t>(number), 1);
    answer(SECCOMP_RET_ALLOW);
  }
  // Allows the call only when the bits `forbidden` of argument `index` are clear.
  void allow_without(int number, unsigned index, std::uint32_t forbidden) {
    if_equal(static_cast<std::uint32_t>(number), 4);
    load(argument(index));
    add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, forbidden, 1, 0));
    answer(SECCOMP_RET_ALLOW);
    answer(SECCOMP_RET_KILL_PROCESS);
  }
  void allow_only(int number, unsigned index, std::uint32_t value) {
    if_equal(static_cast<std::uint32_t>(number), 4);
    load(argument(index));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    answer(SECCOMP_RET_ALLOW);
    answer(SECCOMP_RET_KILL_PROCESS);
  }
  sock_fprog program() { return {static_cast<unsigned short>(count_), code_}; }

 private:
  sock_filter code_[256];
  std::size_t count_ = 0;
};

Filter make_filter() {
  Filter filter;
  filter.load(offsetof(seccomp_data, arch));
  filter.add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
  filter.answer(SECCOMP_RET_KILL_PROCESS);
  filter.load(offsetof(seccomp_data, nr));
  for (const int number : kAllowed) filter.allow(number);
  filter.allow_without(SYS_mmap, 2, PROT_EXEC);
  filter.allow_without(SYS_mprotect, 2, PROT_EXEC);
  filter.allow_only(SYS_prctl, 0, PR_SET_TIMERSLACK);
  filter.allow_only(SYS_socketpair, 0, AF_UNIX);
  filter.allow_only(SYS_socket, 0, AF_UNIX);
  filter.allow_only(SYS_newfstatat, 3, AT_EMPTY_PATH);  // glibc's fstat()
  filter.answer(SECCOMP_RET_KILL_PROCESS);
  return filter;
}

}  // namespace

bool lock_system_calls(SandboxNotes& notes) {
  if (kSanitized) {
    notes.push_back("sandbox: a sanitizer build does not restrict its system calls");
    return true;
  }
  Filter filter = make_filter();
  const sock_fprog program = filter.program();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &program) != 0) {
    notes.push_back(std::string("sandbox: the list of system calls was refused: ") + std::strerror(errno));
    return false;
  }
  return true;
}

}  // namespace sockeye::world

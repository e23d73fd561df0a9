// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Classic BPF, put together by a small assembler: every rule is a straight block that ends in a
// verdict and that a wrong system-call number jumps over.
#include "gate/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "core/assert.h"

namespace sockeye::gate {

namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the gate knows x86-64 and arm64"
#endif
constexpr std::uint32_t kX32Bit = 0x40000000;
constexpr std::uint32_t kNotify = SECCOMP_RET_USER_NOTIF;
constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;

constexpr std::uint32_t refuse(int error) {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

constexpr std::uint32_t low_half(unsigned argument) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 8 * argument;
}

class Assembler {
 public:
  void load(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset); }
  void mask(std::uint32_t bits) { add(BPF_ALU | BPF_AND | BPF_K, 0, 0, bits); }
  void verdict(std::uint32_t value) { add(BPF_RET | BPF_K, 0, 0, value); }
  void verdict_if_equal(std::uint32_t constant, std::uint32_t value) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, constant);
    verdict(value);
  }
  void verdict_if_different(std::uint32_t constant, std::uint32_t value) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, constant);
    verdict(value);
  }
  void verdict_if_any_bit(std::uint32_t bits, std::uint32_t value) {
    add(BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
    verdict(value);
  }
  void verdict_if_at_least(std::uint32_t constant, std::uint32_t value) {
    add(BPF_JMP | BPF_JGE | BPF_K, 0, 1, constant);
    verdict(value);
  }
  // The block that `body` writes is for this number only and must end in a verdict.
  template <class Body>
  void on_call(long number, Body body) {
    std::size_t jump = program_.size();
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, static_cast<std::uint32_t>(number));
    body();
    std::size_t length = program_.size() - jump - 1;
    SOCKEYE_ASSERT(length < 256);
    program_[jump].jf = static_cast<std::uint8_t>(length);
  }
  void notify_if_pointer(unsigned argument) {
    load(low_half(argument));
    verdict_if_different(0, kNotify);
    load(low_half(argument) + 4);
    verdict_if_different(0, kNotify);
  }
  std::vector<sock_filter> take() { return std::move(program_); }

 private:
  void add(int code, std::uint8_t yes, std::uint8_t no, std::uint32_t constant) {
    program_.push_back({static_cast<std::uint16_t>(code), yes, no, constant});
  }
  std::vector<sock_filter> program_;
};

void data_calls(Assembler& code) {
  code.on_call(__NR_sendto, [&] {
    code.load(low_half(3));
    code.verdict_if_any_bit(MSG_OOB | MSG_ERRQUEUE | MSG_FASTOPEN, kNotify);
    code.notify_if_pointer(4);
    code.verdict(kAllow);
  });
  code.on_call(__NR_recvfrom, [&] {
    code.load(low_half(3));
    code.verdict_if_any_bit(MSG_ERRQUEUE | MSG_TRUNC, kNotify);
    code.notify_if_pointer(4);
    code.verdict(kAllow);
  });
}

void device_control(Assembler& code) {
  code.on_call(__NR_ioctl, [&] {
    code.load(low_half(1));
    code.verdict_if_equal(SIOCOUTQ, kNotify);  // the numbers of TIOCOUTQ and FIONREAD
    code.verdict_if_equal(SIOCINQ, kNotify);
    // Of the 0x89xx family these are the same for every socket: owner, process group, the urgent mark.
    for (const int common : {FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP, SIOCATMARK})
      code.verdict_if_equal(static_cast<std::uint32_t>(common), kAllow);
    code.mask(0xffffff00);
    code.verdict_if_equal(0x8900, kNotify);
    code.verdict(kAllow);
  });
}

}  // namespace

unsigned native_architecture() {
  return kArchitecture;
}

std::vector<sock_filter> build_filter() {
  Assembler code;
  code.load(offsetof(seccomp_data, arch));
  code.verdict_if_different(kArchitecture, refuse(ENOSYS));
  code.load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  code.verdict_if_at_least(kX32Bit, refuse(ENOSYS));
#endif
  data_calls(code);
  code.on_call(__NR_socket, [&] {
    code.load(low_half(0));
    code.verdict_if_equal(AF_UNIX, kAllow);
    code.verdict(kNotify);
  });
  for (long number : {__NR_connect, __NR_accept, __NR_accept4, __NR_bind, __NR_listen, __NR_getsockname,
                      __NR_getpeername, __NR_setsockopt, __NR_getsockopt, __NR_shutdown, __NR_sendmsg,
                      __NR_recvmsg, __NR_sendmmsg, __NR_recvmmsg})
    code.on_call(number, [&] { code.verdict(kNotify); });
  device_control(code);
  for (long number : {__NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register})
    code.on_call(number, [&] { code.verdict(refuse(ENOSYS)); });
  code.verdict(kAllow);
  return code.take();
}

unsigned run_filter(const std::vector<sock_filter>& program, const SystemCall& call) {
  std::uint32_t words[16] = {static_cast<std::uint32_t>(call.number), call.architecture};
  for (unsigned i = 0; i < 6; ++i) {
    words[low_half(i) / 4] = static_cast<std::uint32_t>(call.argument[i]);
    words[low_half(i) / 4 + 1] = static_cast<std::uint32_t>(call.argument[i] >> 32);
  }
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    bool holds = false;
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        accumulator = words[step.k / 4];
        continue;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        continue;
      case BPF_RET | BPF_K:
        return step.k;
      case BPF_JMP | BPF_JEQ | BPF_K:
        holds = accumulator == step.k;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        holds = accumulator >= step.k;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        holds = (accumulator & step.k) != 0;
        break;
      default:
        SOCKEYE_ASSERT(false);
    }
    at += holds ? step.jt : step.jf;
  }
  return 0;
}

}  // namespace sockeye::gate

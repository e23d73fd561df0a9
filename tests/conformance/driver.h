// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Loads libsockeye_packetdrill.so as packetdrill does and speaks to it as its scripts do: calls, and
// packets as the peer 192.0.2.1:40000 of the host's 192.168.0.1:8080 would send them.
#pragma once

#include <arpa/inet.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "tools/packetdrill/interface.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

namespace sockeye {

struct WirePacket {
  TcpHeader tcp{};
  std::uint32_t payload_bytes = 0;
  long long at_us = 0;
};

class PacketdrillDriver : public testing::Test {
 protected:
  using Init = void (*)(const char*, packetdrill_interface*);
#if defined(__SANITIZE_ADDRESS__)
  static constexpr int kDeepBind = 0;  // the sanitizer's own functions must be found first
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  static constexpr int kDeepBind = 0;
#else
  static constexpr int kDeepBind = RTLD_DEEPBIND;
#endif
#else
  static constexpr int kDeepBind = RTLD_DEEPBIND;
#endif
  static constexpr std::uint16_t kPort = 8080, kPeerPort = 40000;

  void SetUp() override {
    open("");
  }
  void TearDown() override {
    release();
  }

  void open(const char* flags) {
    release();
    library_ = ::dlopen(PACKETDRILL_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | kDeepBind);
    ASSERT_NE(library_, nullptr) << ::dlerror();
    const auto init = reinterpret_cast<Init>(::dlsym(library_, "packetdrill_interface_init"));
    ASSERT_NE(init, nullptr);
    init(flags, &calls_);
    user_ = calls_.userdata;
  }
  void release() {
    if (calls_.free != nullptr) calls_.free(user_);
    calls_ = {};
    if (library_ != nullptr) ::dlclose(library_);
    library_ = nullptr;
  }
  template <class Function>
  Function symbol(const char* name) const {
    return reinterpret_cast<Function>(::dlsym(library_, name));
  }

  static sockaddr_in address(const char* text, std::uint16_t port) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    ::inet_pton(AF_INET, text, &in.sin_addr);
    return in;
  }
  template <class Call>
  static auto with(const sockaddr_in& in, Call call) {
    return call(reinterpret_cast<const sockaddr*>(&in), static_cast<socklen_t>(sizeof in));
  }

  long long now_us() {
    timeval time{};
    calls_.gettimeofday(user_, &time, nullptr);
    return time.tv_sec * 1'000'000LL + time.tv_usec;
  }

  // From the peer. Numbers are the wire's.
  int deliver(TcpHeader tcp, std::uint32_t payload_bytes = 0);
  // The host's next packet.
  WirePacket next();
  // A listener on kPort with one accepted connection; the peer's numbers begin at 1, `ours_` holds our
  // next sequence number.
  int accept_one();

  packetdrill_interface calls_{};
  void* user_ = nullptr;
  void* library_ = nullptr;
  int listener_ = -1;
  std::uint32_t ours_ = 0;
};

}  // namespace sockeye

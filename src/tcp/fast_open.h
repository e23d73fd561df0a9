// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP Fast Open (RFC 7413): cookies of the server (4.1.2, Linux's: eight bytes of SipHash over both
// addresses), what a client remembers of each server (4.1.3: cookie, MSS, and whether SYNs with data got
// lost on the way), and the pause that a black hole brings (Linux: tcp_fastopen_blackhole_timeout_sec).
// The experimental option of before the RFC (kind 254) is answered, and tried once with a server that does
// not know RFC 7413's (Linux).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/ip_address.h"
#include "core/siphash.h"
#include "core/time.h"
#include "wire/tcp.h"

namespace sockeye::tcp {

// Bits of Config::fast_open (net.ipv4.tcp_fastopen).
inline constexpr unsigned kFastOpenClient = 0x1, kFastOpenServer = 0x2, kFastOpenClientNoCookie = 0x4,
                          kFastOpenServerNoCookie = 0x200, kFastOpenEveryListener = 0x400;

// One or two keys (TCP_FASTOPEN_KEY, 16 bytes each): cookies are made with the first, and taken from
// both, so that a key can be replaced without a break.
struct FastOpenKeys {
  SipKey primary{};
  std::optional<SipKey> backup{};
};
// As TCP_FASTOPEN_KEY has them: 16 bytes each.
inline constexpr std::size_t kFastOpenKeyBytes = 16;
FastOpenKeys read_fast_open_keys(Bytes bytes);  // one or two
std::size_t write_fast_open_keys(const FastOpenKeys& keys, std::array<std::byte, 2 * kFastOpenKeyBytes>& out);
FastOpenCookie make_fast_open_cookie(const SipKey& key, const IpAddress& client, const IpAddress& server);
// 0: wrong; 1: good; 2: good, but made with the backup key: give out a new one.
int check_fast_open_cookie(const FastOpenKeys& keys, const IpAddress& client, const IpAddress& server,
                           const FastOpenCookie& cookie);

// What a host's clients know about servers. Bounded: the one that was used least recently is forgotten.
class FastOpenCache {
 public:
  // Which option a server has left ununanswered; then the other is tried, once.
  enum class Ask : std::uint8_t { none, by_rfc, by_experiment };
  struct Entry {
    FastOpenCookie cookie{};  // of length 0: none
    Ask unanswered = Ask::none;
    std::uint16_t mss = 0;  // 0: unknown
    std::uint64_t used = 0;
  };

  const Entry* find(const IpAddress& server);
  void set(const IpAddress& server, std::uint16_t mss, const std::optional<FastOpenCookie>& cookie,
           Ask unanswered = Ask::none);
  // SYNs with data seem not to arrive there: ask anew before the next try.
  void forget_cookie(const IpAddress& server);
  std::size_t size() const { return entries_.size(); }
  void clear() { entries_.clear(); }  // `ip tcp_metrics flush`

  // A black hole was met: no fast open for `pause`, twice as long for each in a row (at most 64 times).
  void on_black_hole(Instant now) {
    ++black_holes_;
    since_ = now;
  }
  bool is_paused(Instant now, Duration pause) const {
    if (black_holes_ == 0 || pause <= Duration::zero()) return false;
    return now < since_ + pause * (std::int64_t{1} << std::min(black_holes_ - 1, 6u));
  }
  void on_success() { black_holes_ = 0; }

 private:
  static constexpr std::size_t kEntriesMax = 1024;
  std::map<IpAddress, Entry> entries_;
  std::uint64_t clock_ = 0;
  unsigned black_holes_ = 0;
  Instant since_{};
};

}  // namespace sockeye::tcp

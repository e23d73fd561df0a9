// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a host's TCP counts beside discarded segments (core/drop.h): Linux's names where it has them
// (/proc/net/netstat, `nstat`). The list is a table so that the reference page is made from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sockeye::tcp {

#define SOCKEYE_TCP_COUNTERS(X)                                                                           \
  X(syncookies_sent, "SyncookiesSent", "SYN-ACKs that left nothing behind but a cookie (RFC 4987)")       \
  X(syncookies_recv, "SyncookiesRecv", "connections made from a cookie")                                  \
  X(syncookies_failed, "SyncookiesFailed", "ACKs whose cookie was wrong or too old")                      \
  X(req_q_full_do_cookies, "TCPReqQFullDoCookies", "SYNs that found the SYN queue full, with cookies")    \
  X(req_q_full_drop, "TCPReqQFullDrop", "SYNs that found the SYN queue full, without cookies")            \
  X(listen_overflows, "ListenOverflows", "SYNs and completing ACKs that found the accept queue full")     \
  X(defer_accept_drop, "TCPDeferAcceptDrop", "completing ACKs without data under TCP_DEFER_ACCEPT")       \
  X(challenge_ack, "TCPChallengeACK", "challenge ACKs sent (RFC 5961)")                                   \
  X(syn_challenge, "TCPSYNChallenge", "challenge ACKs sent in answer to a SYN")                           \
  X(ack_skipped_challenge, "TCPACKSkippedChallenge", "challenge ACKs that a limit suppressed")            \
  X(timestamp_missing, "TCPTimestampMissing", "segments without the timestamp that was agreed upon")      \
  X(out_rsts, "OutRsts", "RSTs sent for segments that belong to no connection")                           \
  X(fast_open_active, "TCPFastOpenActive", "fast opens of ours whose data was acknowledged with the SYN") \
  X(fast_open_active_fail, "TCPFastOpenActiveFail", "fast opens of ours whose data had to go again")      \
  X(fast_open_passive, "TCPFastOpenPassive", "connections made from a SYN with a cookie")                 \
  X(fast_open_passive_fail, "TCPFastOpenPassiveFail", "SYNs whose fast open cookie was wrong")            \
  X(fast_open_listen_overflow, "TCPFastOpenListenOverflow", "SYNs that found TCP_FASTOPEN's queue full")  \
  X(fast_open_cookie_reqd, "TCPFastOpenCookieReqd", "SYNs that asked for a fast open cookie")             \
  X(fast_open_blackhole, "TCPFastOpenBlackhole", "fast open was paused: SYNs with data got lost")         \
  X(fast_open_passive_alt_key, "TCPFastOpenPassiveAltKey", "cookies made with the backup key")            \
  X(hp_hits, "TCPHPHits", "segments that header prediction took")                                         \
  X(out_of_window_icmps, "OutOfWindowIcmps", "ICMP errors that quote nothing in flight (RFC 5927)")       \
  X(abort_on_memory, "TCPAbortOnMemory", "closed connections that ended with a RST: too many orphans")    \
  X(ecn_fallback, "TCPECNFallback", "SYNs repeated without ECN (RFC 3168 6.1.1.1)")

enum class Counter : std::uint8_t {
#define SOCKEYE_TCP_COUNTER_MEMBER(name, linux_name, text) name,
  SOCKEYE_TCP_COUNTERS(SOCKEYE_TCP_COUNTER_MEMBER)
#undef SOCKEYE_TCP_COUNTER_MEMBER
};

#define SOCKEYE_TCP_COUNTER_ONE(name, linux_name, text) +1
inline constexpr std::size_t kCounters = 0 SOCKEYE_TCP_COUNTERS(SOCKEYE_TCP_COUNTER_ONE);
#undef SOCKEYE_TCP_COUNTER_ONE

struct CounterName {
  std::string_view name;  // Linux's
  std::string_view text;
};
inline constexpr std::array<CounterName, kCounters> kCounterNames = {{
#define SOCKEYE_TCP_COUNTER_NAME(name, linux_name, text) {linux_name, text},
    SOCKEYE_TCP_COUNTERS(SOCKEYE_TCP_COUNTER_NAME)
#undef SOCKEYE_TCP_COUNTER_NAME
}};

// One per stack, in Resources.
class Counters {
 public:
  void count(Counter which) { ++counts_[static_cast<std::size_t>(which)]; }
  std::uint64_t operator[](Counter which) const { return counts_[static_cast<std::size_t>(which)]; }

 private:
  std::array<std::uint64_t, kCounters> counts_{};
};

}  // namespace sockeye::tcp

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The rows of IPPROTO_TCP. Refused: TCP_REPAIR (and TCP-AO's), upper-layer protocols,
// TCP_ZEROCOPY_RECEIVE, the thin-stream options, TCP_TX_DELAY. TCP_INQ is in options_reports.cc, signatures
// are in options_signature.cc.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "socket/base_socket.h"
#include "socket/option_table.h"
#include "socket/tcp_info.h"
#include "tcp/congestion_control.h"

namespace sockeye {
namespace {

// Younger than the C library's header.
constexpr int kSaveSyn = 27, kSavedSyn = 28, kFastOpenConnect = 30, kFastOpenKey = 33, kFastOpenNoCookie = 34;

template <bool tcp::Settings::*member>
Result<> set_flag(BaseSocket& socket, int value) {
  socket.own_settings()->*member = value != 0;
  socket.settings_changed();
  return {};
}
template <bool tcp::Settings::*member>
Result<int> get_flag(const BaseSocket& socket) {
  return socket.read_settings()->*member ? 1 : 0;
}
template <unsigned tcp::Settings::*member>
Result<> set_count(BaseSocket& socket, int value) {
  socket.own_settings()->*member = static_cast<unsigned>(value);
  socket.settings_changed();
  return {};
}
template <unsigned tcp::Settings::*member>
Result<int> get_count(const BaseSocket& socket) {
  return static_cast<int>(socket.read_settings()->*member);
}
template <Duration tcp::Settings::*member>
Result<> set_seconds(BaseSocket& socket, int value) {
  socket.own_settings()->*member = std::chrono::seconds(value);
  socket.settings_changed();
  return {};
}
template <Duration tcp::Settings::*member>
Result<int> get_seconds(const BaseSocket& socket) {
  return static_cast<int>(
      std::chrono::duration_cast<std::chrono::seconds>(socket.read_settings()->*member).count());
}

// As Linux: each time that TCP_NODELAY is set, and when TCP_CORK is taken away while it is, everything
// leaves.
Result<> set_nodelay(BaseSocket& socket, int value) {
  socket.own_settings()->nodelay = value != 0;
  socket.settings_changed();
  if (value != 0) socket.push();
  return {};
}
Result<> set_cork(BaseSocket& socket, int value) {
  socket.own_settings()->cork = value != 0;
  socket.settings_changed();
  if (value == 0 && socket.read_settings()->nodelay) socket.push();
  return {};
}

Result<> set_max_segment(BaseSocket& socket, int value) {
  constexpr int kLeast = 88, kMost = 32767;  // Linux: TCP_MIN_MSS, MAX_TCP_WINDOW
  if (value != 0 && (value < kLeast || value > kMost)) return Errno::inval;
  socket.own_settings()->max_segment = static_cast<std::uint16_t>(value);
  socket.settings_changed();
  return {};
}
Result<int> get_max_segment(const BaseSocket& socket) {
  const tcp::Settings& settings = *socket.read_settings();
  const auto info = socket.tcp_info();
  const bool open = info && info->state != tcp::State::closed && info->state != tcp::State::listen;
  if (!open && settings.max_segment != 0) return settings.max_segment;
  constexpr int kDefault = 536;  // RFC 9293 3.7.1
  return info && info->send_mss != 0 ? static_cast<int>(info->send_mss) : kDefault;
}

// Linux: negative means no FIN_WAIT_2 for orphans; more than the host's limit, the limit.
Result<> set_linger2(BaseSocket& socket, int value) {
  const Duration limit = std::max(socket.host().config.fin_timeout, Duration(120s));
  Duration wanted = value < 0 ? Duration(-1s) : Duration(std::chrono::seconds(value));
  if (value == 0) wanted = socket.host().config.fin_timeout;
  if (wanted > limit) wanted = limit;
  socket.own_settings()->linger2 = wanted;
  socket.settings_changed();
  return {};
}

// Linux keeps how often the SYN-ACK would be repeated in that time, and reads back what that comes to.
constexpr int kFirstTimeout = 1, kLastTimeout = 120;  // seconds
Result<> set_defer_accept(BaseSocket& socket, int value) {
  unsigned timeouts = value > 0 ? 1 : 0;
  for (int wait = kFirstTimeout, total = wait; value > total && timeouts < 255; ++timeouts) {
    wait = std::min(2 * wait, kLastTimeout);
    total += wait;
  }
  socket.own_options().defer_accept_timeouts = static_cast<std::uint8_t>(timeouts);
  return {};
}
Result<int> get_defer_accept(const BaseSocket& socket) {
  int total = 0;
  for (int left = socket.options().defer_accept_timeouts, wait = kFirstTimeout; left > 0; --left) {
    total += wait;
    wait = std::min(2 * wait, kLastTimeout);
  }
  return total;
}

Result<> set_window_clamp(BaseSocket& socket, int value) {
  constexpr int kLeast = 2304 / 2;  // Linux: half of the smallest receive buffer
  if (value == 0) {
    if (!socket.is_idle()) return Errno::inval;
  } else {
    value = std::max(value, kLeast);
  }
  socket.own_settings()->window_clamp = static_cast<std::uint32_t>(value);
  socket.settings_changed();
  return {};
}

// Of a connection that has none: what its buffer admits, as the kernel keeps it.
Result<int> get_window_clamp(const BaseSocket& socket) {
  const std::uint32_t own = socket.read_settings()->window_clamp;
  const auto info = socket.tcp_info();
  const bool has_buffer = info && info->state != tcp::State::closed && info->state != tcp::State::listen;
  return static_cast<int>(own == 0 && has_buffer ? info->receive_limit : own);
}

// Linux begins in quick-ACK mode; a connection answers what has become of it.
Result<> set_quick_ack(BaseSocket& socket, int value) {
  socket.set_quick_ack(value);
  return {};
}
Result<int> get_quick_ack(const BaseSocket& socket) {
  return socket.tcp_info()->quick_ack ? 1 : 0;
}

// 0 is the host's.
Result<> set_notsent_low_water(BaseSocket& socket, int value) {
  socket.own_settings()->notsent_low_water = static_cast<std::uint32_t>(value);
  socket.settings_changed();
  return {};
}
Result<int> get_notsent_low_water(const BaseSocket& socket) {
  return static_cast<int>(socket.read_settings()->notsent_low_water);
}

Result<> set_user_timeout(BaseSocket& socket, int value) {
  socket.own_settings()->user_timeout = std::chrono::milliseconds(value);
  socket.settings_changed();
  return {};
}

Result<> set_congestion(BaseSocket& socket, Bytes value) {
  constexpr std::size_t kNameBytes = 16;  // TCP_CA_NAME_MAX
  if (value.empty()) return Errno::inval;
  std::string_view name(reinterpret_cast<const char*>(value.data()), std::min(value.size(), kNameBytes - 1));
  name = name.substr(0, name.find('\0'));
  if (!tcp::is_congestion_control(name)) return Errno::noent;
  char* to = socket.own_settings()->congestion_control;
  std::fill(to, to + kNameBytes, '\0');
  std::copy(name.begin(), name.end(), to);
  socket.settings_changed();
  return {};
}
Result<std::size_t> get_congestion(BaseSocket& socket, MutableBytes out) {
  const std::size_t size = std::min<std::size_t>(out.size(), 16);
  std::memcpy(out.data(), socket.read_settings()->congestion_control, size);
  return size;
}

Result<std::size_t> get_info(BaseSocket& socket, MutableBytes out) {
  const LinuxTcpInfo info = to_linux(*socket.tcp_info());
  const std::size_t size = std::min(out.size(), sizeof info);
  std::memcpy(out.data(), &info, size);
  return size;
}

Result<> set_save_syn(BaseSocket& socket, int value) {
  socket.own_options().save_syn = static_cast<std::uint8_t>(value);
  return {};
}
Result<std::size_t> get_saved_syn(BaseSocket& socket, MutableBytes out) {
  if (socket.options().saved_syn.empty()) return std::size_t{0};
  std::vector<std::byte>& saved = socket.own_options().saved_syn;
  if (out.size() < saved.size()) return Errno::inval;
  std::copy(saved.begin(), saved.end(), out.begin());
  const std::size_t size = saved.size();
  saved = {};
  return size;
}

// --- fast open

bool has_peer(const BaseSocket& socket) {
  return !socket.is_idle() && !socket.is_listening();
}
Result<> set_fast_open(BaseSocket& socket, int value) {
  if (value < 0 || has_peer(socket)) return Errno::inval;
  socket.own_options().fast_open_queue =
      std::min(static_cast<std::uint32_t>(value), socket.host().config.somaxconn);
  return {};
}
Result<> set_fast_open_connect(BaseSocket& socket, int value) {
  if ((socket.host().config.fast_open & tcp::kFastOpenClient) == 0) return Errno::opnotsupp;
  if (!socket.is_idle()) return Errno::inval;
  socket.own_options().fast_open_connect = value != 0;
  return {};
}
Result<> set_fast_open_no_cookie(BaseSocket& socket, int value) {
  if (has_peer(socket)) return Errno::inval;
  socket.own_settings()->fast_open_no_cookie = value != 0;
  return {};
}

constexpr std::size_t kKeyBytes = tcp::kFastOpenKeyBytes;
Result<> set_fast_open_key(BaseSocket& socket, Bytes value) {
  if (value.size() != kKeyBytes && value.size() != 2 * kKeyBytes) return Errno::inval;
  socket.own_options().fast_open_keys = tcp::read_fast_open_keys(value);
  return {};
}
Result<std::size_t> get_fast_open_key(BaseSocket& socket, MutableBytes out) {
  const auto& own = socket.options().fast_open_keys;
  const tcp::FastOpenKeys& keys = own ? *own : socket.host().tcp.cookie_keys();
  std::array<std::byte, 2 * kKeyBytes> bytes{};
  const std::size_t size = std::min(out.size(), tcp::write_fast_open_keys(keys, bytes));
  std::memcpy(out.data(), bytes.data(), size);
  return size;
}

Result<std::size_t> get_congestion_info(BaseSocket& socket, MutableBytes out) {
  if (std::string_view(socket.read_settings()->congestion_control) != "bbr") return std::size_t{0};
  // A socket without a connection has all zeros, as on the kernel.
  const auto model = socket.tcp_info()->path_model;
  const LinuxBbrInfo info = model ? to_linux(*model) : LinuxBbrInfo();
  const std::size_t size = std::min(out.size(), sizeof info);
  std::memcpy(out.data(), &info, size);
  return size;
}

constexpr std::uint8_t kStream = OptionRow::kStream;
constexpr OptionRow kRows[] = {
    {.level = IPPROTO_TCP,
     .name = TCP_NODELAY,
     .text = "TCP_NODELAY",
     .kind = OptionKind::boolean,
     .sockets = kStream,
     .set = set_nodelay,
     .get = get_flag<&tcp::Settings::nodelay>,
     .effect = "no Nagle: what is sent leaves at once"},
    {.level = IPPROTO_TCP,
     .name = TCP_CORK,
     .text = "TCP_CORK",
     .kind = OptionKind::boolean,
     .sockets = kStream,
     .set = set_cork,
     .get = get_flag<&tcp::Settings::cork>,
     .effect = "only full segments leave, for at most 200 ms"},
    {.level = IPPROTO_TCP,
     .name = TCP_MAXSEG,
     .text = "TCP_MAXSEG",
     .sockets = kStream,
     .minimum = INT_MIN,
     .maximum = INT_MAX,
     .set = set_max_segment,
     .get = get_max_segment,
     .effect = "largest segment offered and sent; 88 to 32767"},
    {.level = IPPROTO_TCP,
     .name = TCP_KEEPIDLE,
     .text = "TCP_KEEPIDLE",
     .sockets = kStream,
     .minimum = 1,
     .maximum = 32767,
     .set = set_seconds<&tcp::Settings::keepalive_idle>,
     .get = get_seconds<&tcp::Settings::keepalive_idle>,
     .effect = "seconds of silence before the first probe"},
    {.level = IPPROTO_TCP,
     .name = TCP_KEEPINTVL,
     .text = "TCP_KEEPINTVL",
     .sockets = kStream,
     .minimum = 1,
     .maximum = 32767,
     .set = set_seconds<&tcp::Settings::keepalive_interval>,
     .get = get_seconds<&tcp::Settings::keepalive_interval>,
     .effect = "seconds between probes"},
    {.level = IPPROTO_TCP,
     .name = TCP_KEEPCNT,
     .text = "TCP_KEEPCNT",
     .sockets = kStream,
     .minimum = 1,
     .maximum = 127,
     .set = set_count<&tcp::Settings::keepalive_count>,
     .get = get_count<&tcp::Settings::keepalive_count>,
     .effect = "unanswered probes after which the peer is taken for dead"},
    {.level = IPPROTO_TCP,
     .name = TCP_SYNCNT,
     .text = "TCP_SYNCNT",
     .sockets = kStream,
     .minimum = 1,
     .maximum = 127,
     .set = set_count<&tcp::Settings::syn_retries>,
     .get = +[](const BaseSocket& s) -> Result<int> {
       const unsigned own = s.read_settings()->syn_retries;
       return static_cast<int>(own != 0 ? own : s.host().config.syn_retries);
     },
     .effect = "how often a SYN is repeated, and a listener's SYN-ACKs"},
    {.level = IPPROTO_TCP,
     .name = TCP_LINGER2,
     .text = "TCP_LINGER2",
     .sockets = kStream,
     .minimum = INT_MIN,
     .maximum = INT_MAX,
     .set = set_linger2,
     .get = +[](const BaseSocket& s) -> Result<int> {
       const Duration value = s.read_settings()->linger2;
       return value < Duration::zero() ? -1 : static_cast<int>(to_ms(value) / 1000);
     },
     .effect = "seconds that a closed connection stays in FIN_WAIT_2; negative: none"},
    {.level = IPPROTO_TCP,
     .name = TCP_DEFER_ACCEPT,
     .text = "TCP_DEFER_ACCEPT",
     .sockets = kStream,
     .minimum = INT_MIN,
     .maximum = INT_MAX,
     .set = set_defer_accept,
     .get = get_defer_accept,
     .effect = "accept() sees a connection when its first bytes are there, or after so many seconds (as "
               "time-outs of a SYN-ACK: 1, 3, 7, …)"},
    {.level = IPPROTO_TCP,
     .name = TCP_WINDOW_CLAMP,
     .text = "TCP_WINDOW_CLAMP",
     .sockets = kStream,
     .minimum = INT_MIN,
     .maximum = INT_MAX,
     .set = set_window_clamp,
     .get = get_window_clamp,
     .effect = "largest window advertised"},
    {.level = IPPROTO_TCP,
     .name = TCP_INFO,
     .text = "TCP_INFO",
     .kind = OptionKind::structure,
     .sockets = kStream,
     .get_bytes = get_info,
     .effect = "struct tcp_info of Linux 6.1"},
    {.level = IPPROTO_TCP,
     .name = TCP_QUICKACK,
     .text = "TCP_QUICKACK",
     .sockets = kStream,
     .minimum = INT_MIN,
     .maximum = INT_MAX,
     .set = set_quick_ack,
     .get = get_quick_ack,
     .effect = "acknowledgments are not delayed, for a while; 0: they wait for data, also the handshake's"},
    {.level = IPPROTO_TCP,
     .name = TCP_CONGESTION,
     .text = "TCP_CONGESTION",
     .kind = OptionKind::structure,
     .sockets = kStream,
     .set_bytes = set_congestion,
     .get_bytes = get_congestion,
     .effect = "the congestion control algorithm by name; ENOENT"},
    {.level = IPPROTO_TCP,
     .name = TCP_CC_INFO,
     .text = "TCP_CC_INFO",
     .kind = OptionKind::structure,
     .sockets = kStream,
     .get_bytes = get_congestion_info,
     .effect = "struct tcp_bbr_info when the algorithm is bbr, else nothing"},
    {.level = IPPROTO_TCP,
     .name = TCP_USER_TIMEOUT,
     .text = "TCP_USER_TIMEOUT",
     .sockets = kStream,
     .maximum = INT_MAX,
     .set = set_user_timeout,
     .get = +[](const BaseSocket& s) -> Result<int> {
       return static_cast<int>(to_ms(s.read_settings()->user_timeout));
     },
     .effect = "milliseconds that sent data may stay unacknowledged before ETIMEDOUT; 0: by retransmissions"},
    {.level = IPPROTO_TCP,
     .name = TCP_NOTSENT_LOWAT,
     .text = "TCP_NOTSENT_LOWAT",
     .sockets = kStream,
     .minimum = INT_MIN,
     .maximum = INT_MAX,
     .set = set_notsent_low_water,
     .get = get_notsent_low_water,
     .effect = "writable only while fewer unsent bytes than this wait"},
    {.level = IPPROTO_TCP,
     .name = kSaveSyn,
     .text = "TCP_SAVE_SYN",
     .sockets = kStream,
     .minimum = 0,
     .maximum = 2,
     .set = set_save_syn,
     .get = +[](const BaseSocket& s) -> Result<int> { return s.options().save_syn; },
     .effect = "a listener keeps the headers of the SYNs (2: from the link's on, of which there is none)"},
    {.level = IPPROTO_TCP,
     .name = kSavedSyn,
     .text = "TCP_SAVED_SYN",
     .kind = OptionKind::structure,
     .sockets = kStream,
     .get_bytes = get_saved_syn,
     .effect = "the IP and TCP header of the SYN that made this connection, once"},
    {.level = IPPROTO_TCP,
     .name = TCP_FASTOPEN,
     .text = "TCP_FASTOPEN",
     .sockets = kStream,
     .minimum = INT_MIN,
     .maximum = INT_MAX,
     .set = set_fast_open,
     .get = +[](const BaseSocket& s) -> Result<int> { return static_cast<int>(s.options().fast_open_queue); },
     .effect = "a listener takes data with the SYN (RFC 7413), from so many clients at a time"},
    {.level = IPPROTO_TCP,
     .name = kFastOpenConnect,
     .text = "TCP_FASTOPEN_CONNECT",
     .sockets = kStream,
     .minimum = 0,
     .maximum = 1,
     .set = set_fast_open_connect,
     .get = +[](const BaseSocket& s) -> Result<int> { return s.options().fast_open_connect ? 1 : 0; },
     .effect = "connect() waits for the first bytes and sends them with the SYN, when it has a cookie"},
    {.level = IPPROTO_TCP,
     .name = kFastOpenKey,
     .text = "TCP_FASTOPEN_KEY",
     .kind = OptionKind::structure,
     .sockets = kStream,
     .set_bytes = set_fast_open_key,
     .get_bytes = get_fast_open_key,
     .effect = "one or two keys of 16 bytes from which a listener makes cookies"},
    {.level = IPPROTO_TCP,
     .name = kFastOpenNoCookie,
     .text = "TCP_FASTOPEN_NO_COOKIE",
     .sockets = kStream,
     .minimum = 0,
     .maximum = 1,
     .set = set_fast_open_no_cookie,
     .get =
         +[](const BaseSocket& s) -> Result<int> { return s.read_settings()->fast_open_no_cookie ? 1 : 0; },
     .effect = "fast open without a cookie, where both ends know each other"},
};

}  // namespace

std::span<const OptionRow> tcp_level_options() {
  return kRows;
}

}  // namespace sockeye

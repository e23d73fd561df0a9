// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The rows of SOL_SOCKET. SO_MARK is a name that a program gives a socket: accepted sockets inherit it and
// `ss -e` shows it, but no route and no rule asks for it. Refused on purpose, because nothing here would come
// of them: SO_PRIORITY (no queueing discipline), SO_TIMESTAMP, SO_TIMESTAMPNS, SO_RXQ_OVFL, SO_DONTROUTE,
// SO_NO_CHECK, SO_SNDLOWAT (as Linux), SO_INCOMING_CPU, SO_BUSY_POLL, SO_TXTIME, SO_MAX_PACING_RATE, socket
// filters.
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "socket/base_socket.h"
#include "socket/option_flag.h"
#include "socket/option_table.h"
#include "tcp/pacer.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kReceiveBufferMin = 2304;  // Linux: SOCK_MIN_RCVBUF
constexpr std::uint32_t kSendBufferMin = 4608;     // SOCK_MIN_SNDBUF

template <class T>
std::size_t write_value(const T& value, MutableBytes out) {
  const std::size_t size = std::min(out.size(), sizeof value);
  if (size > 0) std::memcpy(out.data(), &value, size);
  return size;
}

// Linux doubles what it is told, for its own overhead, within limits.
std::uint32_t doubled(int value, std::uint32_t limit, std::uint32_t minimum) {
  const std::uint32_t wanted = value < 0 ? limit : std::min(static_cast<std::uint32_t>(value), limit);
  return std::max(std::min(wanted, static_cast<std::uint32_t>(INT_MAX / 2)) * 2, minimum);
}

Result<> set_receive_buffer(BaseSocket& socket, int value, std::uint32_t limit) {
  const std::uint32_t size = doubled(value, limit, kReceiveBufferMin);
  if (tcp::Settings* settings = socket.own_settings()) {
    settings->receive_buffer = size;
    settings->receive_buffer_locked = true;
    socket.settings_changed();
  } else {
    socket.own_options().receive_buffer = size;
  }
  return {};
}

Result<> set_send_buffer(BaseSocket& socket, int value, std::uint32_t limit) {
  const std::uint32_t size = doubled(value, limit, kSendBufferMin);
  if (tcp::Settings* settings = socket.own_settings()) {
    settings->send_buffer = size;
    settings->send_buffer_locked = true;
    socket.settings_changed();
  } else {
    socket.own_options().send_buffer = size;
  }
  return {};
}

Result<> set_linger(BaseSocket& socket, Bytes value) {
  struct linger wanted;
  if (value.size() < sizeof wanted) return Errno::inval;
  std::memcpy(&wanted, value.data(), sizeof wanted);
  SocketOptions& options = socket.own_options();
  options.linger = wanted.l_onoff != 0;
  if (options.linger) options.linger_seconds = wanted.l_linger;
  return {};
}
Result<std::size_t> get_linger(BaseSocket& socket, MutableBytes out) {
  const struct linger value { socket.options().linger ? 1 : 0, socket.options().linger_seconds };
  return write_value(value, out);
}

// SO_RCVTIMEO, SO_SNDTIMEO: a timeval; zero or negative seconds mean for ever, EDOM as Linux.
Result<std::int64_t> read_timeout(Bytes value) {
  struct timeval time;
  if (value.size() < sizeof time) return Errno::inval;
  std::memcpy(&time, value.data(), sizeof time);
  if (time.tv_usec < 0 || time.tv_usec >= 1'000'000) return Errno::dom;
  if (time.tv_sec < 0) return std::int64_t{1};  // Linux: does not wait at all
  if (time.tv_sec > INT64_MAX / 1'000'000 - 1) return std::int64_t{0};
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec;
}
std::size_t write_timeout(std::int64_t microseconds, MutableBytes out) {
  struct timeval time;
  time.tv_sec = microseconds / 1'000'000;
  time.tv_usec = microseconds % 1'000'000;
  return write_value(time, out);
}

template <std::int64_t SocketOptions::*member>
Result<> set_timeout(BaseSocket& socket, Bytes value) {
  const auto time = read_timeout(value);
  if (!time) return time.error();
  socket.own_options().*member = *time;
  return {};
}
template <std::int64_t SocketOptions::*member>
Result<std::size_t> get_timeout(BaseSocket& socket, MutableBytes out) {
  return write_timeout(socket.options().*member, out);
}

// A flag that bears on what other sockets may bind.
template <bool SocketOptions::*member>
Result<> set_claim_flag(BaseSocket& socket, int value) {
  (void)set_flag<member>(socket, value);
  socket.on_claim_changed();
  return {};
}
// A flag that TCP keeps in its settings and that other sockets merely remember.
template <bool tcp::Settings::*setting, bool SocketOptions::*member>
Result<> set_shared_flag(BaseSocket& socket, int value) {
  if (tcp::Settings* settings = socket.own_settings()) {
    settings->*setting = value != 0;
    socket.settings_changed();
  } else {
    socket.own_options().*member = value != 0;
  }
  return {};
}
template <bool tcp::Settings::*setting, bool SocketOptions::*member>
Result<int> get_shared_flag(const BaseSocket& socket) {
  const tcp::Settings* settings = socket.read_settings();
  return (settings != nullptr ? settings->*setting : socket.options().*member) ? 1 : 0;
}

Result<> set_mark(BaseSocket& socket, int value) {
  if (!socket.host().privileged) return Errno::perm;
  const auto mark = static_cast<std::uint32_t>(value);
  if (tcp::Settings* settings = socket.own_settings()) {
    settings->mark = mark;
    socket.settings_changed();
  } else {
    socket.own_options().mark = mark;
  }
  return {};
}
Result<int> get_mark(const BaseSocket& socket) {
  const tcp::Settings* settings = socket.read_settings();
  return static_cast<int>(settings != nullptr ? settings->mark : socket.options().mark);
}

Result<> set_low_water(BaseSocket& socket, int value) {
  if (value < 0) value = INT_MAX;
  if (value == 0) value = 1;
  if (tcp::Settings* settings = socket.own_settings()) {
    // Linux: never more than half of what the buffer can become.
    const std::uint32_t cap = (settings->receive_buffer_locked ? settings->receive_buffer
                                                               : socket.host().config.receive_buffer_max) /
                              2;
    settings->receive_low_water = std::min(static_cast<std::uint32_t>(value), cap);
    socket.settings_changed();
  } else {
    socket.own_options().receive_low_water = value;
  }
  return {};
}

// 32 bits or, when the program offers as many, 64; all ones in either means no limit.
Result<> set_max_pacing_rate(BaseSocket& socket, Bytes value) {
  std::uint64_t rate = 0;
  if (value.size() >= sizeof rate) {
    std::memcpy(&rate, value.data(), sizeof rate);
  } else {
    std::uint32_t word = 0;
    if (value.size() < sizeof word) return Errno::inval;
    std::memcpy(&word, value.data(), sizeof word);
    rate = word == 0xffffffff ? tcp::kUnlimitedRate : word;
  }
  socket.own_settings()->max_pacing_rate = rate;
  socket.settings_changed();
  return {};
}
Result<std::size_t> get_max_pacing_rate(BaseSocket& socket, MutableBytes out) {
  const std::uint64_t rate = socket.read_settings()->max_pacing_rate;
  if (out.size() >= sizeof rate) return write_value(rate, out);
  return write_value(static_cast<std::uint32_t>(std::min<std::uint64_t>(rate, 0xffffffff)), out);
}

Result<std::size_t> get_cookie(BaseSocket& socket, MutableBytes out) {
  const std::uint64_t cookie = socket.cookie();
  if (out.size() < sizeof cookie) return Errno::inval;
  return write_value(cookie, out);
}

Result<> bind_to_device(BaseSocket& socket, Bytes value) {
  std::string_view name(reinterpret_cast<const char*>(value.data()), std::min<std::size_t>(value.size(), 15));
  name = name.substr(0, name.find('\0'));
  unsigned index = 0;
  if (!name.empty()) {
    const Interface* interface = socket.host().ip.interface_named(name);
    if (interface == nullptr) return Errno::nodev;
    index = interface->index;
  }
  socket.own_options().device = index;
  socket.on_claim_changed();
  return {};
}
Result<std::size_t> get_device(BaseSocket& socket, MutableBytes out) {
  const Interface* interface = socket.host().ip.interface_at(socket.options().device);
  if (interface == nullptr) return std::size_t{0};
  constexpr std::size_t kNameBytes = 16;  // IFNAMSIZ
  if (out.size() < kNameBytes) return Errno::inval;
  const std::size_t size = interface->name.size() + 1;
  std::memcpy(out.data(), interface->name.c_str(), size);
  return size;
}

Result<std::size_t> get_peer_credentials(BaseSocket&, MutableBytes out) {
  const struct {
    int pid = 0;
    unsigned uid = 0xffffffff;
    unsigned gid = 0xffffffff;
  } nobody;
  return write_value(nobody, out);
}

constexpr auto kAnyInt = INT_MAX;
constexpr auto kLeastInt = INT_MIN;
constexpr OptionRow kRows[] = {
    {.level = SOL_SOCKET,
     .name = SO_REUSEADDR,
     .text = "SO_REUSEADDR",
     .kind = OptionKind::boolean,
     .set = set_claim_flag<&SocketOptions::reuse_address>,
     .get = get_flag<&SocketOptions::reuse_address>,
     .effect =
         "bind() may take a port that connections (TIME_WAIT too) or other sockets with the option use"},
    {.level = SOL_SOCKET,
     .name = SO_REUSEPORT,
     .text = "SO_REUSEPORT",
     .kind = OptionKind::boolean,
     .set = set_claim_flag<&SocketOptions::reuse_port>,
     .get = get_flag<&SocketOptions::reuse_port>,
     .effect = "sockets that all have it share one address and port; a hash of the peer chooses among them"},
    {.level = SOL_SOCKET,
     .name = SO_TYPE,
     .text = "SO_TYPE",
     .get = +[](const BaseSocket& s) -> Result<int> { return s.is_stream() ? SOCK_STREAM : SOCK_DGRAM; },
     .effect = "SOCK_STREAM or SOCK_DGRAM"},
    {.level = SOL_SOCKET,
     .name = SO_PROTOCOL,
     .text = "SO_PROTOCOL",
     .get = +[](const BaseSocket& s) -> Result<int> { return s.is_stream() ? 6 : 17; },
     .effect = "IPPROTO_TCP or IPPROTO_UDP"},
    {.level = SOL_SOCKET,
     .name = SO_DOMAIN,
     .text = "SO_DOMAIN",
     .get = +[](const BaseSocket& s) -> Result<int> { return s.is_v6() ? AF_INET6 : AF_INET; },
     .effect = "AF_INET or AF_INET6"},
    {.level = SOL_SOCKET,
     .name = SO_ERROR,
     .text = "SO_ERROR",
     .kind = OptionKind::structure,
     .get_bytes = +[](BaseSocket& s, MutableBytes out) -> Result<std::size_t> {
       const auto error = s.take_error();
       return write_value(error ? to_int(*error) : 0, out);
     },
     .effect = "the pending error, which is cleared"},
    {.level = SOL_SOCKET,
     .name = SO_ACCEPTCONN,
     .text = "SO_ACCEPTCONN",
     .get = +[](const BaseSocket& s) -> Result<int> { return s.is_listening() ? 1 : 0; },
     .effect = "1 for a listening socket"},
    {.level = SOL_SOCKET,
     .name = SO_MAX_PACING_RATE,
     .text = "SO_MAX_PACING_RATE",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .set_bytes = set_max_pacing_rate,
     .get_bytes = get_max_pacing_rate,
     .effect = "bytes per second that data is paced to, as 32 or 64 bits; all ones: no limit"},
    {.level = SOL_SOCKET,
     .name = SO_BROADCAST,
     .text = "SO_BROADCAST",
     .kind = OptionKind::boolean,
     .set = set_claim_flag<&SocketOptions::broadcast>,
     .get = get_flag<&SocketOptions::broadcast>,
     .effect = "datagrams may be sent to a broadcast address (EACCES without)"},
    {.level = SOL_SOCKET,
     .name = SO_SNDBUF,
     .text = "SO_SNDBUF",
     .minimum = kLeastInt,
     .maximum = kAnyInt,
     .set = +[](BaseSocket& s, int v) { return set_send_buffer(s, v, s.host().limits.send_buffer_limit); },
     .get = +[](const BaseSocket& s) -> Result<int> { return static_cast<int>(s.send_buffer_bytes()); },
     .effect = "size of the send buffer, doubled, between 4608 and twice the limit; ends auto-tuning"},
    {.level = SOL_SOCKET,
     .name = SO_RCVBUF,
     .text = "SO_RCVBUF",
     .minimum = kLeastInt,
     .maximum = kAnyInt,
     .set =
         +[](BaseSocket& s, int v) { return set_receive_buffer(s, v, s.host().limits.receive_buffer_limit); },
     .get = +[](const BaseSocket& s) -> Result<int> { return static_cast<int>(s.receive_buffer_bytes()); },
     .effect = "size of the receive buffer, doubled, between 2304 and twice the limit; ends auto-tuning"},
    {.level = SOL_SOCKET,
     .name = SO_SNDBUFFORCE,
     .text = "SO_SNDBUFFORCE",
     .minimum = kLeastInt,
     .maximum = kAnyInt,
     .set = +[](BaseSocket& s, int v) -> Result<> {
       return s.host().privileged ? set_send_buffer(s, std::max(v, 0), INT_MAX) : Result<>(Errno::perm);
     },
     .effect = "SO_SNDBUF without the limit, for the privileged"},
    {.level = SOL_SOCKET,
     .name = SO_RCVBUFFORCE,
     .text = "SO_RCVBUFFORCE",
     .minimum = kLeastInt,
     .maximum = kAnyInt,
     .set = +[](BaseSocket& s, int v) -> Result<> {
       return s.host().privileged ? set_receive_buffer(s, std::max(v, 0), INT_MAX) : Result<>(Errno::perm);
     },
     .effect = "SO_RCVBUF without the limit, for the privileged"},
    {.level = SOL_SOCKET,
     .name = SO_KEEPALIVE,
     .text = "SO_KEEPALIVE",
     .kind = OptionKind::boolean,
     .set = set_shared_flag<&tcp::Settings::keepalive, &SocketOptions::keepalive>,
     .get = get_shared_flag<&tcp::Settings::keepalive, &SocketOptions::keepalive>,
     .effect = "an idle connection is probed; see TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT"},
    {.level = SOL_SOCKET,
     .name = SO_OOBINLINE,
     .text = "SO_OOBINLINE",
     .kind = OptionKind::boolean,
     .set = set_shared_flag<&tcp::Settings::oob_inline, &SocketOptions::oob_inline>,
     .get = get_shared_flag<&tcp::Settings::oob_inline, &SocketOptions::oob_inline>,
     .effect = "the urgent byte stays in the stream"},
    {.level = SOL_SOCKET,
     .name = SO_MARK,
     .text = "SO_MARK",
     .minimum = kLeastInt,
     .maximum = kAnyInt,
     .set = set_mark,
     .get = get_mark,
     .effect = "for the privileged: kept, inherited by accepted sockets, shown by `ss -e`; nothing is routed "
               "by it"},
    {.level = SOL_SOCKET,
     .name = SO_PRIORITY,
     .text = "SO_PRIORITY",
     .get = +[](const BaseSocket&) -> Result<int> { return 0; },
     .effect = "always 0; setting it is refused: there is no queueing discipline"},
    {.level = SOL_SOCKET,
     .name = SO_DEBUG,
     .text = "SO_DEBUG",
     .kind = OptionKind::boolean,
     .set = +[](BaseSocket&, int v) -> Result<> { return v != 0 ? Result<>(Errno::acces) : Result<>(); },
     .get = +[](const BaseSocket&) -> Result<int> { return 0; },
     .effect = "always 0; EACCES to switch it on"},
    {.level = SOL_SOCKET,
     .name = SO_LINGER,
     .text = "SO_LINGER",
     .kind = OptionKind::structure,
     .set_bytes = set_linger,
     .get_bytes = get_linger,
     .effect = "with zero seconds close() aborts the connection (RST); otherwise the faces wait in close()"},
    {.level = SOL_SOCKET,
     .name = SO_RCVTIMEO,
     .text = "SO_RCVTIMEO",
     .kind = OptionKind::structure,
     .set_bytes = set_timeout<&SocketOptions::receive_timeout_us>,
     .get_bytes = get_timeout<&SocketOptions::receive_timeout_us>,
     .effect = "how long a blocking accept, connect or receive waits (EAGAIN)"},
    {.level = SOL_SOCKET,
     .name = SO_SNDTIMEO,
     .text = "SO_SNDTIMEO",
     .kind = OptionKind::structure,
     .set_bytes = set_timeout<&SocketOptions::send_timeout_us>,
     .get_bytes = get_timeout<&SocketOptions::send_timeout_us>,
     .effect = "how long a blocking connect or send waits (EINPROGRESS, EAGAIN)"},
    {.level = SOL_SOCKET,
     .name = 66,
     .text = "SO_RCVTIMEO_NEW",
     .kind = OptionKind::structure,
     .set_bytes = set_timeout<&SocketOptions::receive_timeout_us>,
     .get_bytes = get_timeout<&SocketOptions::receive_timeout_us>,
     .effect = "as SO_RCVTIMEO"},
    {.level = SOL_SOCKET,
     .name = 67,
     .text = "SO_SNDTIMEO_NEW",
     .kind = OptionKind::structure,
     .set_bytes = set_timeout<&SocketOptions::send_timeout_us>,
     .get_bytes = get_timeout<&SocketOptions::send_timeout_us>,
     .effect = "as SO_SNDTIMEO"},
    {.level = SOL_SOCKET,
     .name = SO_RCVLOWAT,
     .text = "SO_RCVLOWAT",
     .minimum = kLeastInt,
     .maximum = kAnyInt,
     .set = set_low_water,
     .get = +[](const BaseSocket& s) -> Result<int> {
       const tcp::Settings* settings = s.read_settings();
       return settings != nullptr ? static_cast<int>(settings->receive_low_water)
                                  : s.options().receive_low_water;
     },
     .effect = "bytes that must wait before a stream counts as readable"},
    {.level = SOL_SOCKET,
     .name = SO_SNDLOWAT,
     .text = "SO_SNDLOWAT",
     .get = +[](const BaseSocket&) -> Result<int> { return 1; },
     .effect = "always 1, as on Linux"},
    {.level = SOL_SOCKET,
     .name = SO_COOKIE,
     .text = "SO_COOKIE",
     .kind = OptionKind::structure,
     .get_bytes = get_cookie,
     .effect = "the socket's number, never used twice in a host"},
    {.level = SOL_SOCKET,
     .name = SO_BINDTODEVICE,
     .text = "SO_BINDTODEVICE",
     .kind = OptionKind::structure,
     .set_bytes = bind_to_device,
     .get_bytes = get_device,
     .effect = "packets leave through and are taken from this interface only; ENODEV"},
    {.level = SOL_SOCKET,
     .name = SO_BINDTOIFINDEX,
     .text = "SO_BINDTOIFINDEX",
     .maximum = kAnyInt,
     .set = +[](BaseSocket& s, int v) -> Result<> {
       if (v != 0 && s.host().ip.interface_at(static_cast<unsigned>(v)) == nullptr) return Errno::nodev;
       s.own_options().device = static_cast<unsigned>(v);
       s.on_claim_changed();
       return {};
     },
     .get = +[](const BaseSocket& s) -> Result<int> { return static_cast<int>(s.options().device); },
     .effect = "SO_BINDTODEVICE by number"},
    {.level = SOL_SOCKET,
     .name = SO_PEERCRED,
     .text = "SO_PEERCRED",
     .kind = OptionKind::structure,
     .get_bytes = get_peer_credentials,
     .effect = "nobody: pid 0, uid and gid -1, as for any internet socket"},
};

}  // namespace

std::span<const OptionRow> socket_level_options() {
  return kRows;
}

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// getsockopt() of TCP_AO_INFO and TCP_AO_GET_KEYS, as linux/tcp.h documents them: what a socket has counted,
// which keys it uses, and the keys themselves with theirs.
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "socket/base_socket.h"
#include "socket/linux_ao.h"
#include "socket/option_room.h"
#include "socket/options_signature.h"

namespace sockeye {
namespace {

// Null: TCP-AO is nothing to this socket. A connection without it has the ring of its listener.
const tcp::KeyRing* ring_of(const BaseSocket& socket) {
  const tcp::KeyRing* ring = socket.read_settings()->keys.get();
  if (ring == nullptr || !ring->has_ao_info) return nullptr;
  const auto peer = socket.peer_address();
  return peer && !ring->has_ao(*peer) ? nullptr : ring;
}

// As Linux takes a structure that may be older or younger: what is missing is zero, what is unknown must be.
template <class Struct>
Result<> read_question(Bytes value, Struct& out) {
  if (value.empty()) return Errno::inval;
  std::memcpy(&out, value.data(), std::min(value.size(), sizeof out));
  for (std::size_t i = sizeof out; i < value.size(); ++i)
    if (value[i] != std::byte{0}) return Errno::toobig;
  return {};
}

struct Wanted {
  bool all = false, current = false, next = false;
  IpAddress peer{};  // without these: keys that could be this one's
  std::uint8_t prefix = 0, send_id = 0, receive_id = 0;
};

bool has_bits_behind(const IpAddress& address, unsigned prefix) {
  for (unsigned bit = prefix + (address.is_v4() ? 96 : 0); bit < 128; ++bit)
    if ((address.bytes()[bit / 8] & (0x80u >> bit % 8)) != 0) return true;
  return false;
}

Result<IpAddress> read_prefix(const LinuxAoEntry& asked, std::uint16_t family) {
  IpAddress peer;
  if (family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, asked.address.data(), sizeof in);
    peer = IpAddress::v4(ntohl(in.sin_addr.s_addr));
  } else if (family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, asked.address.data(), sizeof in6);
    std::array<std::uint8_t, 16> bytes;
    std::copy(std::begin(in6.sin6_addr.s6_addr), std::end(in6.sin6_addr.s6_addr), bytes.begin());
    peer = IpAddress::v6(bytes);
  } else {
    return Errno::afnosupport;
  }
  if (asked.prefix > (peer.is_v4() ? 32 : 128)) return Errno::inval;
  // The wildcard is the prefix of no bits.
  if (peer.is_unspecified() != (asked.prefix == 0) || has_bits_behind(peer, asked.prefix))
    return Errno::inval;
  return peer;
}

Result<Wanted> read_wanted(const LinuxAoEntry& asked) {
  constexpr std::uint8_t kOfInterface = 1;  // TCP_AO_KEYF_IFINDEX: none of the keys here is bound to one
  if ((asked.flags & ~LinuxAoEntry::kKnown) != 0 || asked.good != 0 || asked.bad != 0) return Errno::inval;
  if ((asked.key_flags & ~kOfInterface) != 0 || (asked.interface_index != 0 && asked.key_flags == 0))
    return Errno::inval;
  Wanted wanted;
  wanted.all = (asked.flags & LinuxAoEntry::kGetAll) != 0;
  wanted.current = (asked.flags & LinuxAoEntry::kIsCurrent) != 0;
  wanted.next = (asked.flags & LinuxAoEntry::kIsNext) != 0;
  if (wanted.all && (wanted.current || wanted.next)) return Errno::inval;
  std::uint16_t family = 0;
  std::memcpy(&family, asked.address.data(), sizeof family);
  if (asked.flags != 0) {
    // Two questions at once.
    if (family != 0 || asked.prefix != 0 || asked.send_id != 0 || asked.receive_id != 0) return Errno::inval;
    return wanted;
  }
  const auto peer = read_prefix(asked, family);
  if (!peer) return peer.error();
  wanted.peer = *peer;
  wanted.prefix = asked.prefix;
  wanted.send_id = asked.send_id;
  wanted.receive_id = asked.receive_id;
  return wanted;
}

bool matches(const Wanted& wanted, const tcp::AoKey& key, const AoInUse& in_use) {
  if (wanted.all) return true;
  if (wanted.current || wanted.next)
    return (wanted.current && &key == in_use.current) || (wanted.next && &key == in_use.next);
  if (key.send_id != wanted.send_id || key.receive_id != wanted.receive_id) return false;
  if (key.peer.is_v4() != wanted.peer.is_v4()) return false;
  return key.peer.is_unspecified() || key.peer.same_prefix(wanted.peer, wanted.prefix);
}

LinuxAoEntry entry_of(const tcp::AoKey& key, const AoInUse& in_use) {
  LinuxAoEntry entry{};
  if (key.peer.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(key.peer.to_v4());
    std::memcpy(entry.address.data(), &in, sizeof in);
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    std::copy(key.peer.bytes().begin(), key.peer.bytes().end(), std::begin(in6.sin6_addr.s6_addr));
    std::memcpy(entry.address.data(), &in6, sizeof in6);
  }
  const std::string_view name =
      key.algorithm == tcp::AoKey::Algorithm::aes_cmac ? "cmac(aes128)" : "hmac(sha1)";
  std::copy(name.begin(), name.end(), entry.algorithm);
  entry.key = key.secret;
  entry.flags = static_cast<std::uint16_t>((&key == in_use.current ? LinuxAoEntry::kIsCurrent : 0) |
                                           (&key == in_use.next ? LinuxAoEntry::kIsNext : 0));
  entry.send_id = key.send_id;
  entry.receive_id = key.receive_id;
  entry.prefix = key.prefix;
  entry.code_bytes = key.code_bytes;
  entry.key_flags = key.excludes_options ? kAoExcludeOptions : 0;
  entry.key_bytes = key.size;
  entry.good = key.counters.good;
  entry.bad = key.counters.bad;
  return entry;
}

}  // namespace

const tcp::AoKey* find_sent(const tcp::KeyRing& ring, const std::optional<IpAddress>& peer,
                            std::uint8_t send_id) {
  if (peer) return ring.find_ao_sent(*peer, send_id);
  for (const tcp::AoKey& key : ring.ao_keys())
    if (key.send_id == send_id) return &key;
  return nullptr;
}

const tcp::AoKey* find_received(const tcp::KeyRing& ring, const std::optional<IpAddress>& peer,
                                std::uint8_t receive_id) {
  if (peer) return ring.find_ao_received(*peer, receive_id);
  for (const tcp::AoKey& key : ring.ao_keys())
    if (key.receive_id == receive_id) return &key;
  return nullptr;
}

AoInUse ao_in_use(const BaseSocket& socket, const tcp::KeyRing& ring, std::optional<std::uint8_t> asked) {
  AoInUse in_use;
  const auto peer = socket.peer_address();
  if (peer) {
    in_use.current = ring.ao_sending(*peer, asked);
    if (in_use.current != nullptr) in_use.next = ring.ao_requested(*peer, *in_use.current);
    return in_use;
  }
  if (ring.ao_current) in_use.current = find_sent(ring, peer, *ring.ao_current);
  if (ring.ao_next) in_use.next = find_received(ring, peer, *ring.ao_next);
  return in_use;
}

Result<std::size_t> get_ao_info(BaseSocket& socket, MutableBytes value) {
  LinuxAoInfo asked{};
  if (const auto read = read_question(value, asked); !read) return read.error();
  if (asked.reserved != 0 || (asked.flags & ~LinuxAoInfo::kKnown) != 0) return Errno::inval;
  const tcp::KeyRing* ring = ring_of(socket);
  if (ring == nullptr) return Errno::noent;
  const AoInUse in_use = ao_in_use(socket, *ring, socket.asked_ao_key());
  LinuxAoInfo info{};
  if (in_use.current != nullptr) {
    info.flags |= kAoSetCurrent;
    info.current = in_use.current->send_id;
  }
  if (in_use.next != nullptr) {
    info.flags |= kAoSetNext;
    info.next = in_use.next->receive_id;
  }
  if (ring->ao_required) info.flags |= LinuxAoInfo::kRequired;
  if (ring->ao_accepts_icmp) info.flags |= LinuxAoInfo::kAcceptIcmp;
  info.good = ring->ao_counters.good;
  info.bad = ring->ao_counters.bad;
  info.key_not_found = ring->ao_counters.key_not_found;
  info.required = ring->ao_counters.required;
  info.dropped_icmp = ring->ao_counters.dropped_icmp;
  std::memcpy(value.data(), &info, std::min(value.size(), sizeof info));
  return value.size();  // Linux leaves the length alone
}

Result<std::size_t> get_ao_keys(BaseSocket& socket, MutableBytes value) {
  LinuxAoEntry asked{};
  const std::size_t stride = ao_keys_stride(value);
  if (const auto read = read_question(value.first(stride), asked); !read) return read.error();
  const tcp::KeyRing* ring = ring_of(socket);
  if (ring == nullptr) return Errno::noent;
  const auto wanted = read_wanted(asked);
  if (!wanted) return wanted.error();
  const AoInUse in_use = ao_in_use(socket, *ring, socket.asked_ao_key());
  std::uint32_t count = 0;
  for (const tcp::AoKey& key : ring->ao_keys()) {
    if (!matches(*wanted, key, in_use)) continue;
    if (count++ >= asked.count) continue;
    const LinuxAoEntry entry = entry_of(key, in_use);
    std::memcpy(value.data() + (count - 1) * stride, &entry, std::min(stride, sizeof entry));
  }
  if (stride >= offsetof(LinuxAoEntry, count) + sizeof count)
    std::memcpy(value.data() + offsetof(LinuxAoEntry, count), &count, sizeof count);
  return sizeof(LinuxAoEntry);
}

}  // namespace sockeye

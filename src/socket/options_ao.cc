// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP_AO_ADD_KEY, TCP_AO_DEL_KEY and TCP_AO_INFO as Linux 6.7 and later have them (Documentation/networking/
// tcp_ao). Left out and refused: reading back (TCP_AO_GET_KEYS, TCP_AO_INFO), counters (drop reasons count
// instead), interfaces (VRF), asynchronous deletion, other algorithms than RFC 5926's two.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "socket/base_socket.h"
#include "socket/options_signature.h"
#include "tcp/signature.h"

namespace sockeye {
namespace {

constexpr std::size_t kAddressBytes = sizeof(sockaddr_storage);
constexpr std::uint32_t kSetCurrent = 1, kSetNext = 2;  // of the flag words below, from the lowest bit
constexpr std::uint8_t kExcludeOptions = 2;             // TCP_AO_KEYF_EXCLUDE_OPT

// struct tcp_ao_add, behind its address.
struct LinuxAoAdd {
  char algorithm[64];
  std::int32_t interface_index;
  std::uint32_t flags;
  std::uint16_t reserved;
  std::uint8_t prefix;
  std::uint8_t send_id;
  std::uint8_t receive_id;
  std::uint8_t code_bytes;
  std::uint8_t key_flags;
  std::uint8_t key_bytes;
  std::array<std::byte, tcp::AoKey::kBytesMax> key;
};
static_assert(kAddressBytes + sizeof(LinuxAoAdd) == 288);

// struct tcp_ao_del, behind its address.
struct LinuxAoDel {
  std::int32_t interface_index;
  std::uint32_t flags;  // bit 2: del_async
  std::uint16_t reserved;
  std::uint8_t prefix;
  std::uint8_t send_id;
  std::uint8_t receive_id;
  std::uint8_t current;
  std::uint8_t next;
  std::uint8_t key_flags;
};
static_assert(kAddressBytes + sizeof(LinuxAoDel) == 144);

// struct tcp_ao_info_opt.
struct LinuxAoInfo {
  std::uint32_t flags;  // and bit 2: ao_required, 3: set_counters, 4: accept_icmps
  std::uint16_t reserved;
  std::uint8_t current;
  std::uint8_t next;
  std::uint64_t counters[5];
};
static_assert(sizeof(LinuxAoInfo) == 48);

std::shared_ptr<tcp::KeyRing> copy_of_keys(const BaseSocket& socket) {
  const auto& keys = socket.read_settings()->keys;
  return keys ? std::make_shared<tcp::KeyRing>(*keys) : std::make_shared<tcp::KeyRing>();
}

Result<> install(BaseSocket& socket, std::shared_ptr<tcp::KeyRing> ring) {
  socket.own_settings()->keys =
      ring->empty() ? nullptr : std::shared_ptr<const tcp::KeyRing>(std::move(ring));
  socket.settings_changed();
  return {};
}

}  // namespace

Result<> add_ao_key(BaseSocket& socket, Bytes value) {
  LinuxAoAdd asked;
  if (value.size() < kAddressBytes + sizeof asked) return Errno::inval;
  std::memcpy(&asked, value.data() + kAddressBytes, sizeof asked);
  const auto peer = peer_of(socket, value);
  if (!peer) return peer.error();
  const bool is_wildcard = peer->is_unspecified();
  if (asked.prefix > (peer->is_v4() ? 32 : 128) || (is_wildcard && asked.prefix != 0)) return Errno::inval;
  if (asked.reserved != 0 || asked.flags > (kSetCurrent | kSetNext) || asked.interface_index != 0 ||
      (asked.key_flags & ~kExcludeOptions) != 0 || asked.key_bytes > asked.key.size())
    return Errno::inval;
  // A listener has no connection whose key could be current.
  if (asked.flags != 0 && socket.is_listening()) return Errno::inval;
  tcp::AoKey key;
  const std::string_view name(asked.algorithm, strnlen(asked.algorithm, sizeof asked.algorithm));
  if (name == "cmac(aes128)" || name == "cmac(aes)")
    key.algorithm = tcp::AoKey::Algorithm::aes_cmac;
  else if (name != "hmac(sha1)")
    return Errno::noent;
  constexpr std::uint8_t kDefault = 12, kLongest = 16;  // what fits beside the other options of a SYN
  key.code_bytes = asked.code_bytes == 0 ? kDefault : asked.code_bytes;
  if (key.code_bytes > kLongest) return Errno::msgsize;
  key.peer = *peer;
  key.prefix = asked.prefix;
  key.send_id = asked.send_id;
  key.receive_id = asked.receive_id;
  key.excludes_options = (asked.key_flags & kExcludeOptions) != 0;
  key.size = asked.key_bytes;
  std::copy_n(asked.key.begin(), asked.key_bytes, key.secret.begin());
  auto ring = copy_of_keys(socket);
  if (ring->find_md5(*peer) != nullptr) return Errno::keyrejected;  // one or the other
  if (!ring->add(key)) return Errno::exist;
  if ((asked.flags & kSetCurrent) != 0) ring->ao_current = key.send_id;
  if ((asked.flags & kSetNext) != 0) ring->ao_next = key.receive_id;
  return install(socket, std::move(ring));
}

Result<> delete_ao_key(BaseSocket& socket, Bytes value) {
  LinuxAoDel asked;
  if (value.size() < kAddressBytes + sizeof asked) return Errno::inval;
  std::memcpy(&asked, value.data() + kAddressBytes, sizeof asked);
  const auto peer = peer_of(socket, value);
  if (!peer) return peer.error();
  if (asked.reserved != 0 || asked.flags > (kSetCurrent | kSetNext) || asked.interface_index != 0 ||
      asked.key_flags != 0)
    return Errno::inval;
  auto ring = copy_of_keys(socket);
  if (!ring->remove_ao(*peer, asked.prefix, asked.send_id, asked.receive_id)) return Errno::noent;
  if ((asked.flags & kSetCurrent) != 0) {
    if (ring->find_ao_sent(*peer, asked.current) == nullptr) return Errno::noent;
    ring->ao_current = asked.current;
  }
  if ((asked.flags & kSetNext) != 0) {
    if (ring->find_ao_received(*peer, asked.next) == nullptr) return Errno::noent;
    ring->ao_next = asked.next;
  }
  if (ring->ao_current == asked.send_id) ring->ao_current.reset();
  if (ring->ao_next == asked.receive_id) ring->ao_next.reset();
  return install(socket, std::move(ring));
}

Result<> set_ao_info(BaseSocket& socket, Bytes value) {
  constexpr std::uint32_t kRequired = 4, kCounters = 8, kAcceptIcmp = 16;
  LinuxAoInfo asked;
  if (value.size() < sizeof asked) return Errno::inval;
  std::memcpy(&asked, value.data(), sizeof asked);
  if (asked.reserved != 0 || (asked.flags & ~(kSetCurrent | kSetNext | kRequired | kAcceptIcmp)) != 0)
    return Errno::inval;
  static_assert((kCounters & (kRequired | kAcceptIcmp)) == 0, "counters cannot be set");
  auto ring = copy_of_keys(socket);
  const auto remote = socket.remote();
  const auto is_known = [&](bool sent, std::uint8_t id) {
    if (!remote) return false;
    return (sent ? ring->find_ao_sent(remote->address, id) : ring->find_ao_received(remote->address, id)) !=
           nullptr;
  };
  if ((asked.flags & kSetCurrent) != 0) {
    if (!is_known(true, asked.current)) return Errno::noent;
    ring->ao_current = asked.current;
  }
  if ((asked.flags & kSetNext) != 0) {
    if (!is_known(false, asked.next)) return Errno::noent;
    ring->ao_next = asked.next;
  }
  ring->ao_required = (asked.flags & kRequired) != 0;
  ring->ao_accepts_icmp = (asked.flags & kAcceptIcmp) != 0;
  return install(socket, std::move(ring));
}

}  // namespace sockeye

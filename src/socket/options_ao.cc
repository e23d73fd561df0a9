// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP_AO_ADD_KEY, TCP_AO_DEL_KEY and TCP_AO_INFO as Linux 6.7 and later have them (Documentation/networking/
// tcp_ao); reading is in options_ao_read.cc. Left out and refused: interfaces (VRF), asynchronous deletion,
// other algorithms than RFC 5926's two.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "socket/base_socket.h"
#include "socket/linux_ao.h"
#include "socket/options_signature.h"
#include "tcp/signature.h"

namespace sockeye {
namespace {

std::shared_ptr<tcp::KeyRing> copy_of_keys(const BaseSocket& socket) {
  const auto& keys = socket.read_settings()->keys;
  return keys ? std::make_shared<tcp::KeyRing>(*keys) : std::make_shared<tcp::KeyRing>();
}

// `flags`: kAoSetCurrent ends what the peer has asked for.
Result<> install(BaseSocket& socket, std::shared_ptr<tcp::KeyRing> ring, std::uint32_t flags) {
  if ((flags & kAoSetCurrent) != 0) socket.forget_asked_ao_key();
  socket.own_settings()->keys =
      ring->empty() ? nullptr : std::shared_ptr<const tcp::KeyRing>(std::move(ring));
  socket.settings_changed();
  return {};
}

// What TCP_AO_DEL_KEY and TCP_AO_INFO say about the keys to be used. False: there is no such key.
bool choose_keys(const BaseSocket& socket, tcp::KeyRing& ring, std::uint32_t flags, std::uint8_t current,
                 std::uint8_t next) {
  const auto peer = socket.peer_address();
  if ((flags & kAoSetCurrent) != 0) {
    if (find_sent(ring, peer, current) == nullptr) return false;
    ring.ao_current = current;
  }
  if ((flags & kAoSetNext) != 0) {
    if (find_received(ring, peer, next) == nullptr) return false;
    ring.ao_next = next;
  }
  return true;
}

}  // namespace

Result<> add_ao_key(BaseSocket& socket, Bytes value) {
  LinuxAoAdd asked;
  if (value.size() < kAoAddressBytes + sizeof asked) return Errno::inval;
  std::memcpy(&asked, value.data() + kAoAddressBytes, sizeof asked);
  const auto peer = peer_of(socket, value);
  if (!peer) return peer.error();
  const bool is_wildcard = peer->is_unspecified();
  if (asked.prefix > (peer->is_v4() ? 32 : 128) || (is_wildcard && asked.prefix != 0)) return Errno::inval;
  if (asked.reserved != 0 || asked.flags > (kAoSetCurrent | kAoSetNext) || asked.interface_index != 0 ||
      (asked.key_flags & ~kAoExcludeOptions) != 0 || asked.key_bytes > asked.key.size())
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
  key.excludes_options = (asked.key_flags & kAoExcludeOptions) != 0;
  key.size = asked.key_bytes;
  std::copy_n(asked.key.begin(), asked.key_bytes, key.secret.begin());
  auto ring = copy_of_keys(socket);
  if (ring->find_md5(*peer) != nullptr) return Errno::keyrejected;  // one or the other
  if (!ring->add(key)) return Errno::exist;
  ring->has_ao_info = true;
  if ((asked.flags & kAoSetCurrent) != 0) ring->ao_current = key.send_id;
  if ((asked.flags & kAoSetNext) != 0) ring->ao_next = key.receive_id;
  return install(socket, std::move(ring), asked.flags);
}

Result<> delete_ao_key(BaseSocket& socket, Bytes value) {
  LinuxAoDel asked;
  if (value.size() < kAoAddressBytes + sizeof asked) return Errno::inval;
  std::memcpy(&asked, value.data() + kAoAddressBytes, sizeof asked);
  const auto peer = peer_of(socket, value);
  if (!peer) return peer.error();
  if (asked.reserved != 0 || asked.flags > (kAoSetCurrent | kAoSetNext) || asked.interface_index != 0 ||
      asked.key_flags != 0)
    return Errno::inval;
  if (asked.flags != 0 && socket.is_listening()) return Errno::inval;
  auto ring = copy_of_keys(socket);
  const tcp::AoKey* gone = ring->find_ao(*peer, asked.prefix, asked.send_id, asked.receive_id);
  if (gone == nullptr) return Errno::noent;
  if (!choose_keys(socket, *ring, asked.flags, asked.current, asked.next)) return Errno::noent;
  // RFC 5925 3.1: a key that is used does not go away.
  const bool is_chosen = (asked.flags & kAoSetCurrent) != 0;
  const AoInUse in_use = ao_in_use(socket, *ring, is_chosen ? std::nullopt : socket.asked_ao_key());
  if (gone == in_use.current || gone == in_use.next) return Errno::busy;
  ring->remove_ao(*gone);
  return install(socket, std::move(ring), asked.flags);
}

Result<> set_ao_info(BaseSocket& socket, Bytes value) {
  LinuxAoInfo asked;
  if (value.size() < sizeof asked) return Errno::inval;
  std::memcpy(&asked, value.data(), sizeof asked);
  if (asked.reserved != 0 || (asked.flags & ~LinuxAoInfo::kKnown) != 0) return Errno::inval;
  if ((asked.flags & (kAoSetCurrent | kAoSetNext)) != 0 && socket.is_listening()) return Errno::inval;
  auto ring = copy_of_keys(socket);
  // RFC 5925 7.4.1: what a connection has not begun with it does not get.
  if (!ring->has_ao_info && !socket.is_idle() && !socket.is_listening()) return Errno::inval;
  const bool is_required = (asked.flags & LinuxAoInfo::kRequired) != 0;
  if (is_required && !ring->md5_keys().empty()) return Errno::keyrejected;
  if (!choose_keys(socket, *ring, asked.flags, asked.current, asked.next)) return Errno::noent;
  if ((asked.flags & LinuxAoInfo::kSetCounters) != 0)
    ring->ao_counters = {{asked.good, asked.bad}, asked.key_not_found, asked.required, asked.dropped_icmp};
  ring->has_ao_info = true;
  ring->ao_required = is_required;
  ring->ao_accepts_icmp = (asked.flags & LinuxAoInfo::kAcceptIcmp) != 0;
  return install(socket, std::move(ring), asked.flags);
}

}  // namespace sockeye

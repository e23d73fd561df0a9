// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "socket/options_signature.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "socket/base_socket.h"
#include "socket/option_table.h"
#include "tcp/signature.h"

namespace sockeye {
namespace {

// struct tcp_md5sig of Linux: glibc's has another name for a field, older ones lack the flags.
struct LinuxMd5Sig {
  sockaddr_storage address;
  std::uint8_t flags;
  std::uint8_t prefix;
  std::uint16_t key_bytes;
  std::int32_t interface_index;
  std::array<std::byte, tcp::Md5Key::kBytesMax> key;
};
static_assert(sizeof(LinuxMd5Sig) == 216);
constexpr std::uint8_t kFlagPrefix = 1, kFlagInterface = 2;

Result<> set_key(BaseSocket& socket, Bytes value, bool is_extended) {
  LinuxMd5Sig asked;
  if (value.size() < sizeof asked) return Errno::inval;
  std::memcpy(&asked, value.data(), sizeof asked);
  const auto peer = peer_of(socket, value);
  if (!peer) return peer.error();
  const unsigned longest = peer->is_v4() ? 32 : 128;
  tcp::Md5Key key;
  key.peer = *peer;
  key.prefix = static_cast<std::uint8_t>(longest);
  if (is_extended && (asked.flags & kFlagPrefix) != 0) {
    if (asked.prefix > longest) return Errno::inval;
    key.prefix = asked.prefix;
  }
  // An interface would have to be a VRF, which there are none of here.
  if (is_extended && (asked.flags & kFlagInterface) != 0 && asked.interface_index != 0) return Errno::inval;
  const auto& before = socket.read_settings()->keys;
  auto ring = before ? std::make_shared<tcp::KeyRing>(*before) : std::make_shared<tcp::KeyRing>();
  if (asked.key_bytes == 0) {
    if (!ring->remove_md5(key.peer, key.prefix)) return Errno::noent;
  } else {
    if (asked.key_bytes > asked.key.size()) return Errno::inval;
    if (ring->has_ao(key.peer)) return Errno::keyrejected;  // one or the other
    key.size = static_cast<std::uint8_t>(asked.key_bytes);
    std::copy_n(asked.key.begin(), asked.key_bytes, key.secret.begin());
    ring->set(key);
  }
  socket.own_settings()->keys =
      ring->empty() ? nullptr : std::shared_ptr<const tcp::KeyRing>(std::move(ring));
  socket.settings_changed();
  return {};
}

}  // namespace

Result<IpAddress> peer_of(const BaseSocket& socket, Bytes value) {
  sockaddr_storage address;
  if (value.size() < sizeof address) return Errno::inval;
  std::memcpy(&address, value.data(), sizeof address);
  if (!socket.is_v6()) {
    if (address.ss_family != AF_INET) return Errno::inval;
    sockaddr_in in;
    std::memcpy(&in, &address, sizeof in);
    return IpAddress::v4(ntohl(in.sin_addr.s_addr));
  }
  if (address.ss_family != AF_INET6) return Errno::inval;
  sockaddr_in6 in6;
  std::memcpy(&in6, &address, sizeof in6);
  std::array<std::uint8_t, 16> bytes;
  std::copy(std::begin(in6.sin6_addr.s6_addr), std::end(in6.sin6_addr.s6_addr), bytes.begin());
  return IpAddress::v6(bytes);  // a mapped address is the IPv4 peer
}

Result<> set_md5_key(BaseSocket& socket, Bytes value) {
  return set_key(socket, value, false);
}
Result<> set_md5_key_ext(BaseSocket& socket, Bytes value) {
  return set_key(socket, value, true);
}

namespace {

constexpr OptionRow kRows[] = {
    {.level = IPPROTO_TCP,
     .name = TCP_MD5SIG,
     .text = "TCP_MD5SIG",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .set_bytes = set_md5_key,
     .effect = "struct tcp_md5sig: the key for a peer (RFC 2385); an empty key removes it"},
    {.level = IPPROTO_TCP,
     .name = kTcpMd5SigExt,
     .text = "TCP_MD5SIG_EXT",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .set_bytes = set_md5_key_ext,
     .effect = "the same with TCP_MD5SIG_FLAG_PREFIX: for all peers of a prefix"},
    {.level = IPPROTO_TCP,
     .name = kTcpAoAddKey,
     .text = "TCP_AO_ADD_KEY",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .set_bytes = add_ao_key,
     .effect = "struct tcp_ao_add: a key of TCP-AO (RFC 5925), hmac(sha1) or cmac(aes128)"},
    {.level = IPPROTO_TCP,
     .name = kTcpAoDelKey,
     .text = "TCP_AO_DEL_KEY",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .set_bytes = delete_ao_key,
     .effect = "struct tcp_ao_del: removes a key"},
    {.level = IPPROTO_TCP,
     .name = kTcpAoInfo,
     .text = "TCP_AO_INFO",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .set_bytes = set_ao_info,
     .get_bytes = get_ao_info,
     .effect = "struct tcp_ao_info_opt: which keys are used, ao_required, accept_icmps, what was counted"},
    {.level = IPPROTO_TCP,
     .name = kTcpAoGetKeys,
     .text = "TCP_AO_GET_KEYS",
     .kind = OptionKind::structure,
     .sockets = OptionRow::kStream,
     .get_bytes = get_ao_keys,
     .effect = "struct tcp_ao_getsockopt, an array: the keys that match the first, and what they counted"},
};

}  // namespace

std::span<const OptionRow> tcp_signature_options() {
  return kRows;
}

}  // namespace sockeye

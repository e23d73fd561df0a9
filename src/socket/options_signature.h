// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The options that give a stream socket its signature keys (tcp/signature.h): Linux's structures and
// errors. Keys can be set and removed in any state; TCP-AO's can be read back.
#pragma once

#include <optional>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/result.h"
#include "tcp/signature.h"

namespace sockeye {

class BaseSocket;

inline constexpr int kTcpMd5SigExt = 32;  // TCP_MD5SIG_EXT; not in every C library's header

inline constexpr int kTcpAoAddKey = 38, kTcpAoDelKey = 39, kTcpAoInfo = 40,  // Linux 6.7
    kTcpAoGetKeys = 41;

// What TCP_MD5SIG and TCP_AO_* name a peer by: the address of a sockaddr_storage; inval for another family.
Result<IpAddress> peer_of(const BaseSocket& socket, Bytes address);

Result<> set_md5_key(BaseSocket& socket, Bytes value);
Result<> set_md5_key_ext(BaseSocket& socket, Bytes value);
Result<> add_ao_key(BaseSocket& socket, Bytes value);
Result<> delete_ao_key(BaseSocket& socket, Bytes value);
Result<> set_ao_info(BaseSocket& socket, Bytes value);
Result<std::size_t> get_ao_info(BaseSocket& socket, MutableBytes value);
// `value`: the whole array; the answer is the size of one structure (option_room.h).
Result<std::size_t> get_ao_keys(BaseSocket& socket, MutableBytes value);

// The keys of a connection; of a socket without one those that the program has chosen. Null: none.
struct AoInUse {
  const tcp::AoKey* current = nullptr;
  const tcp::AoKey* next = nullptr;
};
// `asked`: the SendID that the peer has asked for, if that counts.
AoInUse ao_in_use(const BaseSocket& socket, const tcp::KeyRing& ring, std::optional<std::uint8_t> asked);
// By KeyID, of this peer's keys or, where there is no peer yet, of all.
const tcp::AoKey* find_sent(const tcp::KeyRing& ring, const std::optional<IpAddress>& peer,
                            std::uint8_t send_id);
const tcp::AoKey* find_received(const tcp::KeyRing& ring, const std::optional<IpAddress>& peer,
                                std::uint8_t receive_id);

}  // namespace sockeye

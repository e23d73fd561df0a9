// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The options that give a stream socket its signature keys (tcp/signature.h): Linux's structures and
// errors. Keys can be set and removed in any state; they cannot be read back.
#pragma once

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/result.h"

namespace sockeye {

class BaseSocket;

inline constexpr int kTcpMd5SigExt = 32;  // TCP_MD5SIG_EXT; not in every C library's header

inline constexpr int kTcpAoAddKey = 38, kTcpAoDelKey = 39, kTcpAoInfo = 40;  // Linux 6.7

// What TCP_MD5SIG and TCP_AO_* name a peer by: the address of a sockaddr_storage; inval for another family.
Result<IpAddress> peer_of(const BaseSocket& socket, Bytes address);

Result<> set_md5_key(BaseSocket& socket, Bytes value);
Result<> set_md5_key_ext(BaseSocket& socket, Bytes value);
Result<> add_ao_key(BaseSocket& socket, Bytes value);
Result<> delete_ao_key(BaseSocket& socket, Bytes value);
Result<> set_ao_info(BaseSocket& socket, Bytes value);

}  // namespace sockeye

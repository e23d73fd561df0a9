// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The errors that a socket call can answer with, under the names and numbers of Linux's <errno.h>.
// A discarded packet is not an error (see core/drop.h), and a broken invariant is an assertion.
// `posix/` turns an Errno into -1 and errno, `ring/` into a negative result, the gate into the
// value that a trapped system call returns.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace sockeye {

enum class Errno : std::int16_t {
  perm = EPERM,
  intr = EINTR,
  badf = EBADF,
  toobig = E2BIG,
  again = EAGAIN,
  nomem = ENOMEM,
  acces = EACCES,
  fault = EFAULT,
  busy = EBUSY,
  exist = EEXIST,
  noent = ENOENT,
  nomsg = ENOMSG,
  inval = EINVAL,
  nfile = ENFILE,
  mfile = EMFILE,
  notty = ENOTTY,
  pipe = EPIPE,
  dom = EDOM,
  loop = ELOOP,
  nosys = ENOSYS,
  nodev = ENODEV,
  notsock = ENOTSOCK,
  destaddrreq = EDESTADDRREQ,
  msgsize = EMSGSIZE,
  prototype = EPROTOTYPE,
  noprotoopt = ENOPROTOOPT,
  protonosupport = EPROTONOSUPPORT,
  socktnosupport = ESOCKTNOSUPPORT,
  opnotsupp = EOPNOTSUPP,
  afnosupport = EAFNOSUPPORT,
  addrinuse = EADDRINUSE,
  addrnotavail = EADDRNOTAVAIL,
  netdown = ENETDOWN,
  netunreach = ENETUNREACH,
  nonet = ENONET,
  connaborted = ECONNABORTED,
  connreset = ECONNRESET,
  nobufs = ENOBUFS,
  isconn = EISCONN,
  notconn = ENOTCONN,
  timedout = ETIMEDOUT,
  connrefused = ECONNREFUSED,
  hostunreach = EHOSTUNREACH,
  hostdown = EHOSTDOWN,
  already = EALREADY,
  inprogress = EINPROGRESS,
  canceled = ECANCELED,
  proto = EPROTO,
  time = ETIME,
  keyrejected = EKEYREJECTED,
};

constexpr int to_int(Errno error) {
  return static_cast<int>(error);
}

// "ECONNREFUSED" for Errno::connrefused; "E?" for a number that is not in the enumeration.
std::string_view name_of(Errno error);

inline std::error_code make_error_code(Errno error) {
  return {to_int(error), std::generic_category()};
}

}  // namespace sockeye

template <>
struct std::is_error_code_enum<sockeye::Errno> : std::true_type {};

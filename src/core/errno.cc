// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Names of the errors of core/errno.h, for messages, traces and the reference pages.
#include "core/errno.h"

namespace sockeye {

std::string_view name_of(Errno error) {
  switch (error) {
#define SOCKEYE_NAME(member, symbol) \
  case Errno::member:                \
    return #symbol;
    SOCKEYE_NAME(perm, EPERM)
    SOCKEYE_NAME(intr, EINTR)
    SOCKEYE_NAME(badf, EBADF)
    SOCKEYE_NAME(toobig, E2BIG)
    SOCKEYE_NAME(again, EAGAIN)
    SOCKEYE_NAME(nomem, ENOMEM)
    SOCKEYE_NAME(acces, EACCES)
    SOCKEYE_NAME(fault, EFAULT)
    SOCKEYE_NAME(busy, EBUSY)
    SOCKEYE_NAME(exist, EEXIST)
    SOCKEYE_NAME(noent, ENOENT)
    SOCKEYE_NAME(nomsg, ENOMSG)
    SOCKEYE_NAME(inval, EINVAL)
    SOCKEYE_NAME(nfile, ENFILE)
    SOCKEYE_NAME(mfile, EMFILE)
    SOCKEYE_NAME(notty, ENOTTY)
    SOCKEYE_NAME(pipe, EPIPE)
    SOCKEYE_NAME(dom, EDOM)
    SOCKEYE_NAME(loop, ELOOP)
    SOCKEYE_NAME(nosys, ENOSYS)
    SOCKEYE_NAME(nodev, ENODEV)
    SOCKEYE_NAME(notsock, ENOTSOCK)
    SOCKEYE_NAME(destaddrreq, EDESTADDRREQ)
    SOCKEYE_NAME(msgsize, EMSGSIZE)
    SOCKEYE_NAME(prototype, EPROTOTYPE)
    SOCKEYE_NAME(noprotoopt, ENOPROTOOPT)
    SOCKEYE_NAME(protonosupport, EPROTONOSUPPORT)
    SOCKEYE_NAME(socktnosupport, ESOCKTNOSUPPORT)
    SOCKEYE_NAME(opnotsupp, EOPNOTSUPP)
    SOCKEYE_NAME(afnosupport, EAFNOSUPPORT)
    SOCKEYE_NAME(addrinuse, EADDRINUSE)
    SOCKEYE_NAME(addrnotavail, EADDRNOTAVAIL)
    SOCKEYE_NAME(netdown, ENETDOWN)
    SOCKEYE_NAME(netunreach, ENETUNREACH)
    SOCKEYE_NAME(nonet, ENONET)
    SOCKEYE_NAME(connaborted, ECONNABORTED)
    SOCKEYE_NAME(connreset, ECONNRESET)
    SOCKEYE_NAME(nobufs, ENOBUFS)
    SOCKEYE_NAME(isconn, EISCONN)
    SOCKEYE_NAME(notconn, ENOTCONN)
    SOCKEYE_NAME(timedout, ETIMEDOUT)
    SOCKEYE_NAME(connrefused, ECONNREFUSED)
    SOCKEYE_NAME(hostunreach, EHOSTUNREACH)
    SOCKEYE_NAME(hostdown, EHOSTDOWN)
    SOCKEYE_NAME(already, EALREADY)
    SOCKEYE_NAME(inprogress, EINPROGRESS)
    SOCKEYE_NAME(canceled, ECANCELED)
    SOCKEYE_NAME(proto, EPROTO)
    SOCKEYE_NAME(time, ETIME)
    SOCKEYE_NAME(keyrejected, EKEYREJECTED)
#undef SOCKEYE_NAME
  }
  return "E?";
}

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a program holds: a Socket answers every call at once (a Result, Errno::again where a program
// might wait) and has a WaitQueue for who wants to wait. It knows nothing of descriptors, processes
// and blocking. Calls carry no time: a socket asks its stack for the `now` of the turn.
//
// A socket is reference counted (SocketRef). close() is the program's last close: the socket leaves
// the tables when TCP is done with it. Option levels and names are Linux's numbers; values are the
// bytes that setsockopt(2) gets, so every face passes them through unchanged.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/readiness.h"
#include "core/result.h"
#include "core/time.h"
#include "core/wait_queue.h"
#include "tcp/info.h"

namespace sockeye {

class Socket;

class SocketRef {
 public:
  SocketRef() = default;
  explicit SocketRef(Socket* socket);
  SocketRef(const SocketRef& other) : SocketRef(other.socket_) {}
  SocketRef(SocketRef&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
  SocketRef& operator=(SocketRef other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~SocketRef();
  Socket* get() const { return socket_; }
  Socket* operator->() const { return socket_; }
  Socket& operator*() const { return *socket_; }
  explicit operator bool() const { return socket_ != nullptr; }

 private:
  Socket* socket_ = nullptr;
};

// Flags of send and receive: Linux's MSG_ numbers. Others are refused by the faces (EOPNOTSUPP).
struct MessageFlags {
  static constexpr int kOob = 0x1, kPeek = 0x2, kTrunc = 0x20, kDontWait = 0x40, kEndOfRecord = 0x80,
                       kWaitAll = 0x100, kErrQueue = 0x2000, kNoSignal = 0x4000, kMore = 0x8000,
                       kZeroCopy = 0x4000000, kFastOpen = 0x20000000;
};

struct Outgoing {
  std::span<const Bytes> buffers{};  // gathered in order
  std::optional<Endpoint> to{};      // sendto; empty: the connected peer. Of a stream: MSG_FASTOPEN's
  int flags = 0;
  std::optional<IpAddress> from{};  // IP_PKTINFO / IPV6_PKTINFO
  std::optional<int> ttl{};         // IP_TTL / IPV6_HOPLIMIT as ancillary data
  std::optional<int> tos{};
  bool waits = false;      // the caller waits until all is taken
  bool continues = false;  // the same call has sent the bytes before these
};

struct Incoming {
  std::span<const MutableBytes> buffers{};  // scattered in order
  int flags = 0;
  // filled in:
  std::optional<Endpoint> from{};
  std::optional<IpAddress> to{};  // destination address of a datagram (IP_PKTINFO)
  int ttl = 0;
  int tos = 0;
  unsigned interface_index = 0;  // where the datagram came in (ipi_ifindex)
  std::uint32_t full_size = 0;   // of the datagram, even if it was truncated
  bool truncated = false;
  bool out_of_band = false;
  struct ErrorReport {  // MSG_ERRQUEUE (IP_RECVERR): struct sock_extended_err
    Errno error{};
    std::uint8_t origin = 0;  // SO_EE_ORIGIN_LOCAL 1, ICMP 2, ICMP6 3, TIMESTAMPING 4, ZEROCOPY 5
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t info = 0;          // next-hop MTU; the first number of a range; SCM_TSTAMP_*
    std::uint32_t data = 0;          // the last number of a range; the key of a stamp
    std::optional<Instant> stamp{};  // by the stack's clock
    std::optional<Endpoint> offender{};
  };
  std::optional<ErrorReport> error_report{};
  std::optional<std::uint32_t> unread{};  // TCP_INQ: what is left to read
};

// A line of `ss`.
struct SocketReport {
  bool is_stream = false;
  bool is_v6 = false;                     // family of the socket, not of the peer
  tcp::State state = tcp::State::closed;  // datagram: closed = UNCONN, established = ESTAB
  std::uint32_t receive_queue = 0;        // LISTEN: connections waiting for accept
  std::uint32_t send_queue = 0;           // LISTEN: the backlog
  Endpoint local{};
  Endpoint remote{};
  std::uint64_t cookie = 0;  // 0: no socket any more (TIME_WAIT, SYN_RECV)
  bool v6only = false;
  std::uint32_t mark = 0;  // SO_MARK
  std::optional<tcp::Info> tcp{};
};

class Socket {
 public:
  enum class Kind : std::uint8_t { stream, datagram };

  virtual ~Socket() = default;

  // --- the calls
  virtual Result<> bind(const Endpoint& local) = 0;
  virtual Result<> listen(int backlog) = 0;
  // Datagram: done at once; `to` empty dissolves the association (AF_UNSPEC). Stream: inprogress,
  // then already, then done once and isconn; or the error that ended the attempt, once.
  virtual Result<> connect(std::optional<Endpoint> to) = 0;
  virtual Result<SocketRef> accept() = 0;
  virtual Result<std::size_t> send(const Outgoing& message) = 0;
  virtual Result<std::size_t> receive(Incoming& message) = 0;
  virtual Result<> shutdown(int how) = 0;  // SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2
  virtual void close() = 0;                // the last close; SO_LINGER zero aborts
  virtual Result<> set_option(int level, int name, Bytes value) = 0;
  // Writes the value (truncated to the room as Linux does); the answer is its length.
  virtual Result<std::size_t> get_option(int level, int name, MutableBytes value) = 0;
  // FIONREAD, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK; notty for others.
  virtual Result<int> control(unsigned long request) = 0;

  // --- for who moves the bytes of a stream between this socket and a second buffer (a carrier)
  virtual std::size_t send_room() const { return 0; }  // what send() would take now
  // Bytes that receive() handed out but the program has not read: they count against the window.
  virtual void set_external_unread(std::uint32_t /*bytes*/) {}

  // --- questions
  virtual Readiness readiness() const = 0;
  // An error is pending for the next call: not what merely waits in the error queue.
  virtual bool has_error() const { return any(readiness() & Readiness::err); }
  virtual bool is_opening() const { return false; }    // a stream whose SYN is under way
  virtual Endpoint local() const = 0;                  // :: or 0.0.0.0 and port 0 when unbound
  virtual std::optional<Endpoint> remote() const = 0;  // empty: not connected
  virtual SocketReport report() const = 0;
  WaitQueue& waiters() { return waiters_; }

  Kind kind() const { return kind_; }
  bool is_v6() const { return is_v6_; }             // AF_INET6
  std::uint64_t cookie() const { return cookie_; }  // unique within the stack, never reused

 protected:
  Socket(Kind kind, bool is_v6, std::uint64_t cookie) : cookie_(cookie), kind_(kind), is_v6_(is_v6) {}

 private:
  friend class SocketRef;
  WaitQueue waiters_;
  std::uint64_t cookie_;
  std::uint32_t references_ = 0;
  Kind kind_;
  bool is_v6_;
};

inline SocketRef::SocketRef(Socket* socket) : socket_(socket) {
  if (socket_ != nullptr) ++socket_->references_;
}
inline SocketRef::~SocketRef() {
  if (socket_ != nullptr && --socket_->references_ == 0) delete socket_;
}

}  // namespace sockeye

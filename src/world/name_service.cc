// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/name_service.h"

#include <algorithm>

#include "core/bytes.h"
#include "wire/dns.h"

namespace sockeye::world {

// One client over TCP: reads what comes, answers every whole query, and reads on. One operation is
// under way at any time.
class NameService::Connection {
 public:
  Connection(NameService& service, SocketRef socket) : service_(service), socket_(std::move(socket)) {
    op_.user = this;
    op_.done = [](Op* op) { static_cast<Connection*>(op->user)->on_done(); };
    read();
  }
  ~Connection() { socket_->close(); }

  void cancel() { service_.ring_.cancel(op_); }

 private:
  static constexpr std::size_t kChunk = 4096;
  static constexpr std::size_t kLengthBytes = 2;

  void submit(OpCode code) {
    op_.code = code;
    op_.socket = socket_;
    op_.deadline = service_.ring_.now() + kIdleMax;
    service_.ring_.submit(op_);
  }

  void read() {
    const std::size_t size = in_.size();
    in_.resize(size + kChunk);
    into_ = MutableBytes(in_).subspan(size);
    op_.incoming = Incoming{};
    op_.incoming.buffers = {&into_, 1};
    submit(OpCode::receive);
  }

  void write() {
    from_ = out_;
    op_.outgoing = Outgoing{};
    op_.outgoing.buffers = {&from_, 1};
    op_.send_all = true;
    submit(OpCode::send);
  }

  // Takes the whole queries out of in_ and puts their answers into out_.
  void answer_queries() {
    std::size_t at = 0;
    while (in_.size() - at >= kLengthBytes) {
      const std::size_t length = load16(in_.data() + at);
      if (in_.size() - at - kLengthBytes < length) break;
      const auto reply =
          answer_query(service_.names_, Bytes(in_).subspan(at + kLengthBytes, length), dns::kTcpLimit);
      at += kLengthBytes + length;
      if (reply.empty()) continue;
      std::byte prefix[kLengthBytes];
      store16(prefix, static_cast<std::uint16_t>(reply.size()));
      out_.insert(out_.end(), prefix, prefix + kLengthBytes);
      out_.insert(out_.end(), reply.begin(), reply.end());
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  void on_done() {
    const int result = op_.result;
    if (result <= 0) return service_.forget(*this);  // the end, an error, or silence for too long
    if (op_.code == OpCode::send) {
      out_.clear();
      return read();
    }
    in_.resize(in_.size() - kChunk + static_cast<std::size_t>(result));
    answer_queries();
    if (out_.empty())
      read();
    else
      write();
  }

  NameService& service_;
  SocketRef socket_;
  Op op_;
  std::vector<std::byte> in_;
  std::vector<std::byte> out_;
  MutableBytes into_;
  Bytes from_;
};

NameService::NameService(const NameTable& names, Stack& stack, Ring& ring)
    : names_(names), stack_(stack), ring_(ring) {
  accept_.code = OpCode::accept;
  accept_.socket = stack_.set_local_service(this, kPort);
  accept_.user = this;
  accept_.done = on_accepted;
  accept_next();
}

NameService::~NameService() {
  ending_ = true;
  ring_.cancel(accept_);
  for (const auto& connection : connections_) connection->cancel();
  ring_.drive(ring_.now());  // now everything has been given back
  if (accept_.socket) accept_.socket->close();
  accept_.socket = SocketRef();
  accept_.accepted = SocketRef();
  stack_.set_local_service(nullptr, 0);
}

bool NameService::leaves_alone(const Endpoint& to, IpProtocol protocol) const {
  return names_.has_server(to, protocol);
}

std::vector<std::byte> NameService::answer(Bytes request) {
  return answer_query(names_, request);
}

void NameService::accept_next() {
  ring_.submit(accept_);
}

void NameService::on_accepted(Op* op) {
  auto& service = *static_cast<NameService*>(op->user);
  if (service.ending_) return;
  SocketRef socket = std::exchange(op->accepted, SocketRef());
  if (socket && service.connections_.size() < kConnectionsMax)
    service.connections_.push_back(std::make_unique<Connection>(service, std::move(socket)));
  else if (socket)
    socket->close();
  service.accept_next();
}

void NameService::forget(Connection& connection) {
  std::erase_if(connections_, [&](const auto& held) { return held.get() == &connection; });
}

}  // namespace sockeye::world

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// One agent as the world sees it: a SEQPACKET connection on which requests come and replies go
// (protocol.h), the sockets that the agent's programs hold, their carriers, and the calls that wait.
//
// A call that may wait (accept, connect, a datagram that does not fit) becomes an operation of the host's
// ring; the reply is sent when it completes. Everything else is answered at once.
//
// The agent is trusted with the sockets of its host and with nothing else: a message that is not
// well-formed ends the session, an unknown cookie is EBADF. When the connection ends, sockets that
// programs have closed send what they hold; of the others peers see a reset, and programs that still
// live see ECONNRESET.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gate/protocol.h"
#include "gate/session_socket.h"
#include "ring/op.h"
#include "world/session.h"
#include "world/world.h"

namespace sockeye::gate {

class AgentSession final : public world::Session, private world::EventHandler, private CarrierSet::Owner {
 public:
  AgentSession(world::World& world, std::shared_ptr<HeldSockets> sockets, world::UniqueFd connection);
  ~AgentSession() override;

  bool drive(Instant now) override;
  Instant next_deadline() const override { return give_up_at_; }
  bool has_ended() const override;  // the connection, and with it the last carrier that had bytes to send
  void end() override;
  std::uint64_t inode_of(const world::Host& host, std::uint64_t cookie) const override;

 private:
  struct Message {
    Request request{};
    Bytes payload{};
    world::UniqueFd fd{};
  };
  struct Answer {
    Answer() = default;
    Answer(Errno error) : result(-to_int(error)) {}
    explicit Answer(std::int64_t value) : result(value) {}
    static Answer of(const Result<>& done) { return done ? Answer() : Answer(done.error()); }

    std::int64_t result = 0;
    std::uint16_t flags = 0;
    std::uint64_t new_cookie = 0;
    std::int64_t arg[3] = {0, 0, 0};
    std::vector<std::byte> payload{};
    world::UniqueFd fd{};
  };
  struct Parked;  // a call that waits
  struct Unsent {
    std::vector<std::byte> bytes;
    world::UniqueFd fd;
  };
  enum class Progress : std::uint8_t { again, none, broken };

  // --- the connection (session.cc)
  void on_events(std::uint32_t events) override;
  Progress read_message();
  bool handle(Message& message);
  std::optional<Answer> dispatch(Message& message, HeldSocket& held);
  void reply(std::uint64_t id, Answer&& answer);
  void notice(NoticeCode code, std::int64_t first, std::int64_t second, std::uint64_t cookie,
              std::string_view text = {});
  void send_packet(const Reply& header, Bytes payload, world::UniqueFd fd);
  bool transmit(Bytes packet, int fd, bool& again);
  void flush_unsent();
  void hang_up();
  // --- without a socket
  Answer hello(Message& message);
  Answer make_socket(Message& message);
  Answer identify(const Message& message);
  void cancel(std::uint64_t id);
  // --- calls (session_calls.cc)
  Answer bind(const Message& message, HeldSocket& held);
  Answer listen(Message& message, HeldSocket& held);
  std::optional<Answer> connect(Message& message, HeldSocket& held);
  std::optional<Answer> connect_stream(Message& message, HeldSocket& held, const std::optional<Endpoint>& to);
  Answer shutdown(const Message& message, HeldSocket& held);
  Answer rename(const Message& message, HeldSocket& held);
  Answer name(const HeldSocket& held, bool peer);
  void attach_stream(HeldSocket& held, world::UniqueFd fd);
  // --- accept (session_accept.cc)
  std::optional<Answer> accept(const Message& message, HeldSocket& held);
  Answer hand_over(HeldSocket& listener, SocketRef connection);
  Answer hand_over(HeldSocket& listener, ListenerEnd::PutBack connection);
  Answer put_back(Message& message, HeldSocket& held);
  // --- datagrams (session_datagram.cc)
  std::optional<Answer> send(const Message& message, HeldSocket& held);
  Answer receive_info(const Message& message, HeldSocket& held);
  Answer receive_error(const Message& message, HeldSocket& held);
  Answer send_urgent(const Message& message, HeldSocket& held);
  // --- options (session_options.cc)
  Answer set_option(const Message& message, HeldSocket& held);
  Answer get_option(const Message& message, HeldSocket& held);
  std::optional<Errno> take_error(HeldSocket& held);
  Answer control(const Message& message, HeldSocket& held);
  // --- calls that wait (session_parked.cc)
  std::optional<Answer> park(std::unique_ptr<Parked> parked);
  static void on_done(Op* op);
  void finish(Parked& parked);
  void abandon_parked();

  void on_worked(CarrierEnd& carrier) override;
  void on_pill_wanted(CarrierEnd& carrier) override;
  void close(HeldSocket& held, bool abort);
  bool take_last_closes();
  void announce_bound(const HeldSocket& held);

  world::World& world_;
  std::shared_ptr<HeldSockets> sockets_;
  world::UniqueFd connection_;
  world::Watch watch_;
  CarrierSet carriers_;
  world::Host* host_ = nullptr;
  std::vector<std::byte> buffer_;
  std::deque<Unsent> unsent_;
  std::unordered_map<std::uint64_t, Parked*> parked_;
  std::set<std::pair<int, int>> refused_;  // options that were reported
  bool ended_ = false;
  Instant give_up_at_ = kNever;  // without an agent: when what cannot be sent is reset
};

// Sessions of one world share the table of sockets.
world::SessionFactory make_session_factory();

}  // namespace sockeye::gate

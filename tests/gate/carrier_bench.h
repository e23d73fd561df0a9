// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Two hosts over a pipe, and carriers whose program's ends the test holds and uses with the kernel's own
// calls. The network runs in virtual time; the kernel answers at once, so nothing sleeps.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "gate/carrier.h"
#include "gate/datagram_carrier.h"
#include "gate/listener_carrier.h"
#include "gate/protocol.h"
#include "gate/stream_carrier.h"
#include "link/pipe.h"
#include "packet/packet.h"
#include "stack/stack.h"
#include "world/event_loop.h"

namespace sockeye::gate {

inline std::string polled(int fd) {
  pollfd entry{fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  ::poll(&entry, 1, 0);
  static constexpr std::pair<short, const char*> kNames[] = {{POLLIN, "IN"},   {POLLPRI, "PRI"},
                                                             {POLLOUT, "OUT"}, {POLLERR, "ERR"},
                                                             {POLLHUP, "HUP"}, {POLLRDHUP, "RDHUP"}};
  std::string text;
  for (const auto& [bit, name] : kNames) {
    if ((entry.revents & bit) == 0) continue;
    if (!text.empty()) text += ' ';
    text += name;
  }
  return text;
}

// -errno, or the count, as the system call gives it.
inline ssize_t write_to(int fd, std::string_view text, int flags = 0) {
  const ssize_t size = ::send(fd, text.data(), text.size(), flags | MSG_DONTWAIT | MSG_NOSIGNAL);
  return size < 0 ? -errno : size;
}
inline ssize_t read_size(int fd, std::size_t room = 1 << 20, int flags = 0) {
  std::vector<char> buffer(room);
  const ssize_t size = ::recv(fd, buffer.data(), room, flags | MSG_DONTWAIT);
  return size < 0 ? -errno : size;
}
inline std::string read_text(int fd, std::size_t room = 1 << 20, int flags = 0) {
  std::string buffer(room, '\0');
  const ssize_t size = ::recv(fd, buffer.data(), room, flags | MSG_DONTWAIT);
  buffer.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return buffer;
}

inline std::string pattern(std::size_t size, std::size_t from = 0) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((from + i) * 2654435761u >> 13);
  return text;
}

class CarrierBench : public testing::Test, private CarrierSet::Owner {
 protected:
  static constexpr std::uint16_t kPort = 8080;
  inline static const IpAddress kClient = IpAddress::v4(10, 0, 0, 1);
  inline static const IpAddress kServer = IpAddress::v4(10, 0, 0, 2);

  explicit CarrierBench(Duration delay = Duration::zero()) : pipe_(PipeOptions{.delay = delay}) {
    client_.add_interface("eth0", pipe_.left(), {{kClient, 24}});
    server_.add_interface("eth0", pipe_.right(), {{kServer, 24}});
  }

  // One end of a connection: the program's descriptor and the world's side of it.
  struct End {
    UniqueFd program;
    std::unique_ptr<StreamEnd> world;
    SocketRef socket;
  };

  // Everything that can happen at this instant.
  void settle() {
    for (int idle = 0, round = 0; idle < 2 && round < 100000; ++round) {
      bool moved = loop_.turn(Instant{}) > 0;
      for (Stack* stack : {&client_, &server_}) {
        if (stack == &server_ && server_is_dead_) continue;
        const Instant next = stack->poll(now_);
        moved = moved || next <= now_;
        deadline_[stack == &server_] = next;
      }
      moved = carriers_.drive(now_) || moved;
      idle = moved ? 0 : idle + 1;
    }
  }
  void advance(Duration by) {
    const Instant until = now_ + by;
    settle();
    for (int i = 0; i < 100000; ++i) {
      const Instant next = std::min(deadline_[0], deadline_[1]);
      if (next > until) break;
      now_ = std::max(now_, next);
      settle();
    }
    now_ = until;
    client_.set_now(now_);
    server_.set_now(now_);
    settle();
  }

  SocketRef make_socket(Stack& stack, int type = SOCK_STREAM) {
    auto made = stack.socket(AF_INET, type, 0);
    EXPECT_TRUE(made.has_value());
    return *made;
  }
  SocketRef listen(std::uint16_t port = kPort, int backlog = 16) {
    SocketRef made = make_socket(server_);
    EXPECT_TRUE(made->bind({IpAddress::any_v4(), port}).has_value());
    EXPECT_TRUE(made->listen(backlog).has_value());
    return made;
  }
  // Begins to connect: the carrier is attached, nothing has been sent.
  End start(const Endpoint& to = {kServer, kPort}, SocketRef socket = {}) {
    End end;
    end.program = std::move(*make_unconnected_stream(true));
    auto ours = port_.connect(end.program.get());
    EXPECT_TRUE(ours.has_value());
    end.socket = socket ? socket : make_socket(client_);
    const auto done = end.socket->connect(to);
    EXPECT_FALSE(done.has_value());
    EXPECT_EQ(done.error(), Errno::inprogress);
    end.world = std::make_unique<StreamEnd>(carriers_, end.socket, std::move(*ours));
    return end;
  }
  End attach_accepted(SocketRef connection) {
    End end;
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    end.program.reset(pair[1]);
    const int buffer = kCarrierSndbuf;
    ::setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    EXPECT_EQ(write_to(pair[1], "p"), 1);
    end.socket = std::move(connection);
    end.world = std::make_unique<StreamEnd>(carriers_, end.socket, UniqueFd(pair[0]));
    return end;
  }
  End accept(Socket& from) {
    auto accepted = from.accept();
    EXPECT_TRUE(accepted.has_value());
    return attach_accepted(std::move(*accepted));
  }
  void connect() {
    listener = listen();
    left = start();
    advance(200ms);
    right = accept(*listener);
    settle();
    ASSERT_EQ(polled(left.program.get()), "OUT");
    ASSERT_EQ(polled(right.program.get()), "OUT");
  }
  // The program's last close, and what the session does when the carrier reports it.
  void close(End& end) {
    end.program.reset();
    settle();
  }

  void on_worked(CarrierEnd& carrier) override {
    if (!carrier.is_finished()) return;
    for (End* end : {&left, &right}) {
      if (end->world.get() != &carrier) continue;
      end->world.reset();
      end->socket->close();
      return;
    }
  }

  // The agent writes a byte through a descriptor of the program.
  void on_pill_wanted(CarrierEnd& carrier) override {
    for (End* end : {&left, &right}) {
      if (end->world.get() != &carrier) continue;
      write_to(end->program.get(), "p");
      end->world->on_pill_tried();
    }
  }

  Instant now_{1h};
  PacketPool pool_;
  SeededRng secret_{1};
  SeededRng open_{2};
  Pipe pipe_;
  Stack client_{StackConfig{.name = "client"}, pool_, secret_, open_, now_};
  Stack server_{StackConfig{.name = "server"}, pool_, secret_, open_, now_};
  Instant deadline_[2] = {kNever, kNever};
  bool server_is_dead_ = false;  // it is turned no more
  world::EventLoop loop_;
  CarrierSet carriers_{loop_, *this};
  CarrierPort port_;
  SocketRef listener;
  End left;   // on the client
  End right;  // on the server
};

}  // namespace sockeye::gate

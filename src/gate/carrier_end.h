// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A carrier is the world's end of an AF_UNIX pair whose other end a program holds as "its socket".
// It moves bytes between that descriptor and one of our Sockets, and reports the program's last close.
//
// A CarrierEnd hears of two kinds of events, the kernel's (its descriptor moved) and the socket's (its
// wait queue was told). Both only take note; CarrierSet::drive() works off what was noted, once per
// round of the world's turn, so a burst of events costs one pass and no call nests in another.
//
//     descriptor ──on_events──┐                   ┌── work(now) ── recv/send, Socket::send/receive
//                             ├─> noted ─ drive() ┤
//     socket ─────on_event────┘                   └── Owner::on_worked: parked calls, last close
#pragma once

#include <cstddef>
#include <vector>

#include "core/intrusive_list.h"
#include "core/time.h"
#include "socket/socket.h"
#include "world/event_loop.h"
#include "world/unique_fd.h"

namespace sockeye::gate {

struct NotedTag {};
struct ListeningTag {};
class CarrierSet;

class CarrierEnd : private world::EventHandler,
                   private Waiter,
                   public ListHook<NotedTag>,
                   public ListHook<ListeningTag> {
 public:
  virtual ~CarrierEnd() = default;
  CarrierEnd(const CarrierEnd&) = delete;
  CarrierEnd& operator=(const CarrierEnd&) = delete;

  virtual void work(Instant now) = 0;
  // The program's last descriptor is gone and everything it had written is on its way (or it wanted a
  // reset): the owner closes the socket and destroys the carrier.
  virtual bool is_finished() const = 0;
  // Our end was closed: the program sees an ended connection and the descriptor is of no more use.
  bool is_spent() const { return !fd_; }
  void note();  // work() in the next drive()
  bool is_closed_by_program() const;
  // The program's last close may have happened although the loop has not said so yet. True: it has, and
  // the next drive() sees it.
  bool note_last_close();
  Socket& socket() const { return *socket_; }

 protected:
  CarrierEnd(CarrierSet& set, SocketRef socket, world::UniqueFd fd);

  int fd() const { return fd_.get(); }
  CarrierSet& set() const { return set_; }
  Result<> watch(std::uint32_t events);  // opens the registration, or changes it
  std::uint32_t watched() const { return watch_.events(); }
  void hang_up();        // closes our end
  void set_listening();  // CarrierSet::take_closed_listeners looks at it
  // From now on only the program's last close can happen to the descriptor, and it is reported as
  // EPOLLHUP: see CarrierSet::watch_last_close.
  void watch_last_close();
  std::uint32_t take_kernel_events() { return std::exchange(kernel_events_, 0); }
  Readiness take_socket_events() { return std::exchange(socket_events_, Readiness::none); }
  bool waits_for_last_close() const { return waits_for_last_close_; }

 private:
  friend class CarrierSet;
  void on_events(std::uint32_t events) final;
  void on_event(Readiness events) final;

  CarrierSet& set_;
  SocketRef socket_;
  world::UniqueFd fd_;
  world::Watch watch_;
  std::uint32_t kernel_events_ = 0;
  Readiness socket_events_ = Readiness::none;
  bool waits_for_last_close_ = false;
};

// The carriers of one session and what they share: the loop, the list of the noted, two work buffers.
class CarrierSet final : private world::EventHandler {
 public:
  class Owner {
   public:
    virtual void on_worked(CarrierEnd& carrier) = 0;  // may destroy any carrier
    // A byte should be written through the program's end: StreamEnd::end_with_pill.
    virtual void on_pill_wanted(CarrierEnd& carrier) = 0;

   protected:
    ~Owner() = default;
  };

  // What one system call moves at most.
  static constexpr std::size_t kPieceMax = std::size_t{64} * 1024;

  CarrierSet(world::EventLoop& loop, Owner& owner);
  CarrierSet(const CarrierSet&) = delete;
  CarrierSet& operator=(const CarrierSet&) = delete;
  ~CarrierSet();

  // Works off what was noted before the call; true when something was.
  bool drive(Instant now);
  void want_pill(CarrierEnd& carrier) { owner_.on_pill_wanted(carrier); }
  bool has_noted() const { return !noted_.empty(); }
  // A connect may overtake the close of the listener it would meet: those of this port that are closed are
  // worked off now.
  void take_closed_listeners(std::uint16_t port, Instant now);

  world::EventLoop& loop() const { return loop_; }
  MutableBytes piece() { return MutableBytes(buffer_).first(kPieceMax); }
  MutableBytes discarded() { return MutableBytes(buffer_).subspan(kPieceMax); }

 private:
  friend class CarrierEnd;
  void on_events(std::uint32_t events) override;
  void watch_last_close(CarrierEnd& carrier);

  world::EventLoop& loop_;
  Owner& owner_;
  IntrusiveList<CarrierEnd, NotedTag> noted_;
  IntrusiveList<CarrierEnd, ListeningTag> listening_;
  std::vector<std::byte> buffer_;
  // A second epoll set. When both directions of a pair are shut down, its HUP says nothing about the
  // other end's close, and only the *event* of that close remains. Events that were under way must
  // not be mistaken for it, so the descriptor moves into this set, which is emptied at once.
  world::UniqueFd last_close_;
  world::Watch last_close_watch_;
};

}  // namespace sockeye::gate

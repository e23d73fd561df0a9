// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The one way to wait. A socket answers every call at once; who wants to wait puts a Waiter on the
// socket's WaitQueue. notify() is called on every *event* (a segment brought bytes, space became
// free, the state changed), not on transitions of a level, because edge-triggered readiness needs
// the events. Waiters are told in the order of arrival. on_event() only takes note (puts an operation
// on a run queue, an epoll item on a ready list): it must not call back into the socket.
#pragma once

#include "core/intrusive_list.h"
#include "core/readiness.h"

namespace sockeye {

class Waiter : public ListHook<> {
 public:
  virtual void on_event(Readiness events) = 0;

 protected:
  ~Waiter() = default;
};

class WaitQueue {
 public:
  bool empty() const { return waiters_.empty(); }
  void add(Waiter& waiter) { waiters_.push_back(waiter); }  // at the end; once
  static void remove(Waiter& waiter) { waiter.unlink(); }

  // Tells every waiter; a waiter may unlink itself (but no other) while it is told.
  void notify(Readiness events) {
    for (Waiter* waiter = waiters_.first(); waiter != nullptr;) {
      Waiter* next = waiters_.next(*waiter);
      waiter->on_event(events);
      waiter = next;
    }
  }

 private:
  IntrusiveList<Waiter> waiters_;
};

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/event_loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <functional>
#include <memory>

namespace sockeye::world {
namespace {

struct Handler final : EventHandler {
  std::function<void(std::uint32_t)> act = [](std::uint32_t) {};
  int told = 0;
  void on_events(std::uint32_t events) override {
    ++told;
    act(events);
  }
};

struct Event {
  UniqueFd fd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  void raise() const { ASSERT_EQ(::eventfd_write(fd.get(), 1), 0); }
  void clear() const {
    eventfd_t value;
    ::eventfd_read(fd.get(), &value);
  }
};

TEST(EventLoop, level_triggered_tells_again_until_it_is_read) {
  EventLoop loop;
  Event event;
  Handler handler;
  Watch watch;
  ASSERT_TRUE(watch.open(loop, event.fd.get(), EPOLLIN, handler));
  event.raise();
  EXPECT_EQ(loop.turn(loop.now()), 1U);
  EXPECT_EQ(loop.turn(loop.now()), 1U);
  event.clear();
  EXPECT_EQ(loop.turn(loop.now()), 0U);
  EXPECT_EQ(handler.told, 2);
}

TEST(EventLoop, edge_triggered_tells_once_per_event) {
  EventLoop loop;
  Event event;
  Handler handler;
  Watch watch;
  ASSERT_TRUE(watch.open(loop, event.fd.get(), EPOLLIN | EPOLLET, handler));
  event.raise();
  EXPECT_EQ(loop.turn(loop.now()), 1U);
  EXPECT_EQ(loop.turn(loop.now()), 0U);
  event.raise();
  EXPECT_EQ(loop.turn(loop.now()), 1U);
}

TEST(EventLoop, a_watch_closed_within_a_batch_is_not_told_any_more) {
  EventLoop loop;
  Event first, second;
  Handler one, two;
  Watch watch_one, watch_two;
  ASSERT_TRUE(watch_one.open(loop, first.fd.get(), EPOLLIN, one));
  ASSERT_TRUE(watch_two.open(loop, second.fd.get(), EPOLLIN, two));
  one.act = [&](std::uint32_t) { watch_two.close(); };
  two.act = [&](std::uint32_t) { watch_one.close(); };
  first.raise();
  second.raise();
  EXPECT_EQ(loop.turn(loop.now()), 2U);
  EXPECT_EQ(one.told + two.told, 1);
}

TEST(EventLoop, a_slot_taken_again_within_a_batch_does_not_get_the_old_event) {
  EventLoop loop;
  Event first, second, third;
  Handler one, two, three;
  Watch watch_one, watch_two, watch_three;
  ASSERT_TRUE(watch_one.open(loop, first.fd.get(), EPOLLIN, one));
  ASSERT_TRUE(watch_two.open(loop, second.fd.get(), EPOLLIN, two));
  auto swap = [&](Watch& other) {
    other.close();
    ASSERT_TRUE(watch_three.open(loop, third.fd.get(), EPOLLIN, three));
  };
  one.act = [&](std::uint32_t) { swap(watch_two); };
  two.act = [&](std::uint32_t) { swap(watch_one); };
  first.raise();
  second.raise();
  loop.turn(loop.now());
  EXPECT_EQ(one.told + two.told, 1);
  EXPECT_EQ(three.told, 0);
}

TEST(EventLoop, set_events_changes_what_is_told) {
  EventLoop loop;
  Event event;
  Handler handler;
  Watch watch;
  ASSERT_TRUE(watch.open(loop, event.fd.get(), 0, handler));
  event.raise();
  EXPECT_EQ(loop.turn(loop.now()), 0U);
  ASSERT_TRUE(watch.set_events(EPOLLIN | EPOLLOUT));
  EXPECT_EQ(loop.turn(loop.now()), 1U);
}

TEST(EventLoop, opening_a_closed_descriptor_is_an_error) {
  EventLoop loop;
  Handler handler;
  Watch watch;
  auto result = watch.open(loop, 1 << 20, EPOLLIN, handler);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), Errno::badf);
  EXPECT_FALSE(watch.is_open());
}

TEST(EventLoop, the_deadline_is_kept_to_less_than_a_millisecond_and_never_early) {
  EventLoop loop;
  Duration best = 1s;
  for (int round = 0; round < 10; ++round) {  // the machine may be busy: one good round suffices
    const Instant deadline = EventLoop::read_clock() + 300us;
    EXPECT_EQ(loop.turn(deadline), 0U);
    EXPECT_GE(loop.now(), deadline);
    best = std::min(best, loop.now() - deadline);
  }
  EXPECT_LT(best, 1ms);
}

TEST(EventLoop, one_turn_tells_no_more_than_its_budget) {
  EventLoop loop;
  std::vector<std::unique_ptr<Event>> events;
  std::vector<Watch> watches(EventLoop::kEventsPerTurn + 10);
  Handler handler;
  for (Watch& watch : watches) {
    events.push_back(std::make_unique<Event>());
    events.back()->raise();
    ASSERT_TRUE(watch.open(loop, events.back()->fd.get(), EPOLLIN | EPOLLET, handler));
  }
  EXPECT_EQ(loop.turn(loop.now()), EventLoop::kEventsPerTurn);
  EXPECT_EQ(loop.turn(loop.now()), 10U);
}

}  // namespace
}  // namespace sockeye::world

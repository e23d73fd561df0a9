// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Thousands of random histories of submits, events, cancels and deadlines. Whatever happens, every
// operation completes exactly once, bytes are neither lost nor doubled, and an operation costs no
// allocation once the ring has seen as many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "../ready/fake_socket.h"
#include "core/rng.h"
#include "ring/stack_ring.h"

namespace {
std::size_t allocations = 0;
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace sockeye {
namespace {

using test::FakeSocket;

struct Tracked {
  Op op;
  std::array<char, 64> buffer{};
  MutableBytes in;
  Bytes out;
  int submitted = 0;
  int completed = 0;
};

class History {
 public:
  explicit History(std::uint64_t seed) : rng_(seed), socket_(new FakeSocket), calls_(24) {
    for (Tracked& call : calls_) {
      call.op.user = this;
      call.op.done = [](Op* op) { static_cast<History*>(op->user)->on_done(*op); };
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    ending_ = true;
    for (Tracked& call : calls_) ring_.cancel(call.op);
    while (ring_.has_work()) ring_.drive(now_);
    for (const Tracked& call : calls_) {
      EXPECT_EQ(call.submitted, call.completed);
      EXPECT_FALSE(call.op.in_flight());
    }
    EXPECT_EQ(0u, ring_.in_flight());
    EXPECT_EQ(kNever, ring_.next_deadline());
    EXPECT_EQ(delivered_, received_ + static_cast<std::size_t>(*fake().control(FIONREAD)));
    EXPECT_EQ(fake().sent.size(), sent_);
  }

 private:
  FakeSocket& fake() { return static_cast<FakeSocket&>(*socket_); }

  void step() {
    Tracked& call = calls_[rng_.below(calls_.size())];
    switch (rng_.below(8)) {
      case 0:
      case 1:
        if (!call.op.in_flight()) submit(call);
        return;
      case 2: {
        const std::size_t n = rng_.below(40) + 1;
        delivered_ += n;
        fake().deliver(std::string(n, 'x'));
        return;
      }
      case 3:
        fake().make_space(rng_.below(40) + 1);
        return;
      case 4:
        ring_.cancel(call.op);
        return;
      case 5:
        now_ += Duration(static_cast<std::int64_t>(rng_.below(20)));
        return;
      default:
        ring_.drive(now_);
    }
  }

  void submit(Tracked& call) {
    Op& op = call.op;
    op.socket = socket_;
    op.deadline = rng_.below(2) == 0 ? kNever : now_ + Duration(static_cast<std::int64_t>(rng_.below(60)));
    op.code = static_cast<OpCode>(rng_.below(4) + 2);  // send, receive, poll, timeout
    if (op.code == OpCode::timeout) op.socket = SocketRef();
    op.send_all = rng_.below(2) == 0;
    op.events = Readiness::in;
    const std::size_t size = rng_.below(call.buffer.size()) + 1;
    call.in = std::as_writable_bytes(std::span(call.buffer.data(), size));
    call.out = std::as_bytes(std::span(call.buffer.data(), size));
    op.incoming.buffers = {&call.in, 1};
    op.outgoing.buffers = {&call.out, 1};
    op.incoming.flags = rng_.below(3) == 0 ? MessageFlags::kWaitAll : 0;
    ++call.submitted;
    ring_.submit(op);
  }

  void on_done(Op& op) {
    auto& call = *reinterpret_cast<Tracked*>(&op);
    ++call.completed;
    ASSERT_EQ(call.submitted, call.completed);
    ASSERT_FALSE(op.in_flight());
    if (op.result > 0 && op.code == OpCode::receive) received_ += static_cast<std::size_t>(op.result);
    if (op.result > 0 && op.code == OpCode::send) sent_ += static_cast<std::size_t>(op.result);
    if (op.result < 0) {
      const bool expected =
          op.result == -ECANCELED || op.result == (op.code == OpCode::timeout ? -ETIME : -ETIMEDOUT);
      EXPECT_TRUE(expected) << op.result;
    }
    if (!ending_ && rng_.below(4) == 0) submit(call);  // `done` may submit at once
  }

  SeededRng rng_;
  SocketRef socket_;
  std::vector<Tracked> calls_;
  StackRing ring_;
  Instant now_{};
  bool ending_ = false;
  std::size_t delivered_ = 0, received_ = 0, sent_ = 0;
};

TEST(ExactlyOnce, WhateverTheHistory) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History(seed).run(400);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(ExactlyOnce, WithoutAllocation) {
  SocketRef socket{new FakeSocket};
  auto& fake = static_cast<FakeSocket&>(*socket);
  StackRing ring;
  char byte = 0;
  MutableBytes in = std::as_writable_bytes(std::span(&byte, 1));
  Op op;
  op.code = OpCode::receive;
  op.socket = socket;
  op.incoming.buffers = {&in, 1};
  op.deadline = Instant(1s);
  const auto round = [&] {
    ring.submit(op);
    ring.drive(Instant{});
    fake.deliver("x");
    ring.drive(Instant{});
    EXPECT_EQ(1, op.result);
  };
  round();
  const std::size_t before = allocations;
  for (int i = 0; i < 1000; ++i) round();
  EXPECT_EQ(before, allocations);
}

}  // namespace
}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/packetdrill/virtual_clock.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace sockeye::packetdrill {
namespace {

thread_local bool acts = false;   // this thread was woken in the present turn
thread_local bool parks = false;  // it is in a call that parks where it must wait

}  // namespace

VirtualClock::Call::Call(VirtualClock& clock) {
  parks = std::this_thread::get_id() != clock.script_;
}
VirtualClock::Call::~Call() {
  parks = false;
}

bool VirtualClock::has_outside() const {
  return parks;
}

void VirtualClock::wait_until(Instant until) {
  if (!parks) {
    now_ = std::max(now_, until);
    return;
  }
  if (parked_ == 0 || until < parked_until_) parked_until_ = until;
  ++parked_;
  note_reading();
  Lock lock(mutex_, std::adopt_lock);
  const unsigned seen = turn_;
  wake_.wait(lock, [&] { return turn_ != seen; });
  acts = true;
  lock.release();  // the caller holds it again
}

void VirtualClock::pass_turn() {
  if (parks || parked_ == 0) return;
  acting_ = parked_;
  parked_ = 0;
  ++turn_;
  wake_.notify_all();
  // A caller that never reads the clock costs this time, once.
  constexpr auto kPatience = std::chrono::seconds(1);
  Lock lock(mutex_, std::adopt_lock);
  done_.wait_for(lock, kPatience, [&] { return acting_ == 0; });
  acting_ = 0;
  lock.release();
}

void VirtualClock::note_reading() {
  if (!acts) return;
  acts = false;
  if (!parks) ended_ = ::gettid();
  if (acting_ > 0) --acting_;
  done_.notify_all();
}

void VirtualClock::let_caller_finish() {
  const int thread = ended_.exchange(0);
  if (thread == 0) return;
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/stat";
  constexpr int kLooks = 200;
  for (int look = 0; look < kLooks; ++look) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    std::string text;
    std::ifstream stat(path);
    if (!std::getline(stat, text)) return;
    const std::size_t name_end = text.rfind(')');
    if (name_end != std::string::npos && text.compare(name_end, 3, ") S") == 0) return;
  }
}

}  // namespace sockeye::packetdrill

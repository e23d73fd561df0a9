// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/rack.h"

namespace sockeye::tcp {

Duration Rack::detect(Instant now, Duration window, SentQueue& sent) const {
  Duration wait = Duration::zero();
  unsigned waiters = 0;
  for (std::uint32_t at = sent.oldest(); at != SentQueue::kNone;) {
    const std::uint32_t newer = sent.newer(at);
    const SentSegment& segment = sent.entry(at);
    if (!is_after(sent_at_, end_, segment.sent_at, segment.end)) break;
    const Duration left = segment.sent_at + rtt_ + window - now;
    if (left <= Duration::zero()) {
      sent.mark_lost(at);
    } else if (++waiters > kWaitersRead) {
      // The timer comes for all of them at once; none was sent after the segment that arrived.
      return std::max(wait, sent_at_ + rtt_ + window - now);
    } else {
      wait = std::max(wait, left);
    }
    at = newer;
  }
  return wait;
}

}  // namespace sockeye::tcp

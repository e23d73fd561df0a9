// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The error queue of a stream socket (recvmsg(MSG_ERRQUEUE)): which sends with MSG_ZEROCOPY are done with
// their bytes, and when what was sent has left and arrived (SO_TIMESTAMPING). A socket has one from the
// first send that asks for a report. Bounded: see tcp::SendNotices::kMax.
//
// Bytes are copied when they are sent, so a report of MSG_ZEROCOPY says so
// (SO_EE_CODE_ZEROCOPY_COPIED), as Linux does where a device cannot do without, loopback above all.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/ring_queue.h"
#include "socket/socket.h"
#include "tcp/send_notices.h"

namespace sockeye {

class SendReports {
 public:
  static constexpr std::uint8_t kOriginTimestamping = 4, kOriginZeroCopy = 5;  // SO_EE_ORIGIN_*
  static constexpr std::uint8_t kCopied = 1;                                   // SO_EE_CODE_ZEROCOPY_COPIED

  bool empty() const { return reports_.empty(); }
  std::size_t size() const { return reports_.size(); }
  std::uint32_t next_number() const { return next_number_; }
  void count_send() { ++next_number_; }

  // Reports of MSG_ZEROCOPY that follow each other become one range. `key_base`: what the keys of stamps
  // count from; empty: no keys (SOF_TIMESTAMPING_OPT_ID).
  void push(const tcp::SendNotice& notice, std::optional<std::uint32_t> key_base) {
    Report report;
    if (notice.kind == tcp::SendNotice::Kind::zero_copy) {
      if (!empty() && reports_.back().error.origin == kOriginZeroCopy &&
          reports_.back().error.data + 1 == notice.number) {
        ++reports_.back().error.data;
        return;
      }
      report.error.origin = kOriginZeroCopy;
      report.error.code = kCopied;
      report.error.info = report.error.data = notice.number;
    } else {
      constexpr std::uint32_t kTypes[] = {0, 1, 0, 2};  // SCM_TSTAMP_SCHED 1, SND 0, ACK 2
      report.error.error = Errno::nomsg;
      report.error.origin = kOriginTimestamping;
      report.error.info = kTypes[static_cast<std::size_t>(notice.kind)];
      report.error.data = key_base ? notice.number - *key_base : 0;
      report.error.stamp = notice.at;
      report.packet_bytes = notice.packet_bytes;
    }
    if (size() < tcp::SendNotices::kMax) reports_.push_back(report);
  }
  struct Report {
    Incoming::ErrorReport error{};
    std::uint32_t packet_bytes = 0;
  };
  const Report& front() const { return reports_.front(); }
  void pop() { reports_.pop_front(); }

 private:
  RingQueue<Report> reports_;
  std::uint32_t next_number_ = 0;
};

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Sends that want to be told about (MSG_ZEROCOPY, SO_TIMESTAMPING), and the error queue where they are.
#include "socket/send_reports.h"
#include "socket/stream_socket.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kSoftware = 1u << 4, kKeys = 1u << 7, kBare = 1u << 11;  // SOF_TIMESTAMPING_*

std::uint8_t stamps_wanted(std::uint32_t flags) {
  constexpr std::uint32_t kTxSoftware = 1u << 1, kTxScheduled = 1u << 8, kTxAck = 1u << 9;
  using tcp::SendNotices;
  return static_cast<std::uint8_t>(((flags & kTxSoftware) != 0 ? SendNotices::kSent : 0) |
                                   ((flags & kTxScheduled) != 0 ? SendNotices::kScheduled : 0) |
                                   ((flags & kTxAck) != 0 ? SendNotices::kAcked : 0));
}

}  // namespace

Result<std::size_t> StreamSocket::send(const Outgoing& message) {
  const bool zero_copy = (message.flags & MessageFlags::kZeroCopy) != 0 && options().zero_copy;
  if (!zero_copy && options().timestamping == 0) return transfer(message);
  SendReports& reports = own_reports();
  const std::uint8_t wanted = static_cast<std::uint8_t>(stamps_wanted(options().timestamping) |
                                                        (zero_copy ? tcp::SendNotices::kZeroCopy : 0));
  // Linux counts what the program has not yet read as well (net.core.optmem_max).
  const std::size_t waiting = connection_ != nullptr ? connection_->tcp().notice_count() : 0;
  if (zero_copy && !message.continues && reports.size() + waiting >= tcp::SendNotices::kMax)
    return Errno::nobufs;
  const Result<std::size_t> sent = transfer(message);
  if (!sent || *sent == 0 || wanted == 0 || connection_ == nullptr) return sent;
  if (message.continues) {
    connection_->tcp().extend_notice();
  } else if (connection_->tcp().want_notice(wanted, reports.next_number()) && zero_copy) {
    reports.count_send();
  }
  return sent;
}

SendReports& StreamSocket::own_reports() {
  SocketOptions& own = own_options();
  if (!own.reports) own.reports = std::make_shared<SendReports>();
  return *own.reports;
}

void StreamSocket::take_notices() {
  while (const auto notice = connection_->tcp().take_notice()) {
    std::optional<std::uint32_t> base;
    if ((options().timestamping & kKeys) != 0) base = options().timestamp_key_base;
    own_reports().push(*notice, base);
  }
}

// The packet that a stamp belongs to is not kept: its length is told, by MSG_TRUNC.
Result<std::size_t> StreamSocket::receive_report(Incoming& message) {
  const auto& reports = options().reports;
  if (!reports || reports->empty()) return Errno::again;
  const SendReports::Report& report = reports->front();
  message.error_report = report.error;
  if ((options().timestamping & kSoftware) == 0) message.error_report->stamp.reset();
  message.truncated = report.packet_bytes > 0 && (options().timestamping & kBare) == 0;
  reports->pop();
  return std::size_t{0};
}

bool StreamSocket::has_reports() const {
  return options().reports && !options().reports->empty();
}

}  // namespace sockeye

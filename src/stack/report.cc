// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Stack::report(): what `ss` shows. Sockets and connections in order of creation, then half-open
// connections, then TIME_WAIT records in order of expiry.
#include <algorithm>

#include "socket/listener.h"
#include "socket/stream_socket.h"
#include "stack/impl.h"

namespace sockeye {
namespace {

using Numbered = std::pair<std::uint64_t, SocketReport>;

// A connection that no program holds: not yet accepted, or closed and still finishing.
SocketReport report_of(const StreamConnection& connection, Instant now) {
  SocketReport report;
  report.is_stream = true;
  report.is_v6 = connection.tuple().local.address.is_v6();
  report.state = connection.state();
  report.local = connection.tuple().local;
  report.remote = connection.tuple().remote;
  report.receive_queue = connection.tcp().readable_bytes();
  report.send_queue = connection.tcp().unacknowledged_bytes();
  report.tcp = connection.tcp().info(now);
  return report;
}

SocketReport report_of(const FiveTuple& tuple, tcp::State state) {
  SocketReport report;
  report.is_stream = true;
  report.is_v6 = tuple.local.address.is_v6();
  report.state = state;
  report.local = tuple.local;
  report.remote = tuple.remote;
  return report;
}

}  // namespace

std::vector<SocketReport> Stack::Impl::report() const {
  std::vector<Numbered> numbered;
  std::vector<SocketReport> half_open;
  const auto is_service = [this](const Endpoint& end) { return is_served(end, IpProtocol::tcp); };
  for (const BaseSocket& socket : const_cast<Impl*>(this)->sockets) {
    if (service_point && (&socket == service_point->listener ||
                          (socket.is_stream() && socket.remote() && is_service(socket.local()))))
      continue;
    numbered.emplace_back(socket.cookie(), socket.report());
    if (!socket.is_listening()) continue;
    static_cast<const StreamSocket&>(socket).listener()->half_open().for_each(
        [&](const FiveTuple& tuple) { half_open.push_back(report_of(tuple, tcp::State::syn_received)); });
  }
  connections.for_each([&](const StreamConnection& connection) {
    if (connection.socket() == nullptr && !is_service(connection.tuple().local))
      numbered.emplace_back(connection.serial(), report_of(connection, now));
  });
  std::sort(numbered.begin(), numbered.end(),
            [](const Numbered& a, const Numbered& b) { return a.first < b.first; });
  std::vector<SocketReport> all;
  for (auto& [number, line] : numbered) all.push_back(std::move(line));
  all.insert(all.end(), half_open.begin(), half_open.end());
  for (std::size_t i = 0; i < time_waits.size(); ++i) {
    const auto view = time_waits.at(now, i);
    if (!view) break;
    SocketReport line = report_of(view->tuple, tcp::State::time_wait);
    line.tcp.emplace();
    line.tcp->state = tcp::State::time_wait;
    line.tcp->timer = "timewait";
    line.tcp->timer_left = view->left;
    all.push_back(std::move(line));
  }
  return all;
}

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The C face of hosts, links and time.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "posix/handles.h"

namespace {

using namespace sockeye;
using posix::Hosts;

std::uint64_t to_count(Instant instant) {
  return instant == kNever ? SK_NEVER : static_cast<std::uint64_t>(to_ns(instant.time_since_epoch()));
}
// More than 292 years is for ever.
Duration to_duration(std::uint64_t nanoseconds) {
  constexpr auto kMost = static_cast<std::uint64_t>(Duration::max().count());
  return Duration(static_cast<std::int64_t>(std::min(nanoseconds, kMost)));
}
Instant plus(Instant start, Duration duration) {
  return duration > kNever - start ? kNever : start + duration;
}

int fail(Errno error) {
  errno = to_int(error);
  return -1;
}

Bytes bytes_of(const void* packet, std::size_t size) {
  return {static_cast<const std::byte*>(packet), size};
}

}  // namespace

Instant GivenClock::now() {
  return Instant(to_duration(clock_.now(clock_.user)));
}
void GivenClock::wait_until(Instant until) {
  clock_.wait_until(clock_.user, to_count(until));
}

sk_net::sk_net(const sk_net_options& options)
    : lock(options.lock),
      clock(options.clock == nullptr ? std::optional<GivenClock>()
                                     : std::optional<GivenClock>(*options.clock)),
      hosts(options.seed, clock ? &*clock : nullptr) {}

sk_net* sk_net_create(const sk_net_options* options) {
  return new sk_net(options == nullptr ? sk_net_options{} : *options);
}
void sk_net_destroy(sk_net* net) {
  delete net;
}
std::uint64_t sk_net_now(sk_net* net) {
  const Inside inside(*net);
  return to_count(net->hosts.now());
}
std::uint64_t sk_net_turn(sk_net* net) {
  const Inside inside(*net);
  net->hosts.now();
  return to_count(net->hosts.settle());
}
void sk_net_run(sk_net* net, std::uint64_t nanoseconds) {
  const Inside inside(*net);
  net->hosts.run_until(plus(net->hosts.now(), to_duration(nanoseconds)));
}

sk_stack* sk_stack_create(sk_net* net, const sk_stack_options* options) {
  const sk_stack_options given = options == nullptr ? sk_stack_options{} : *options;
  StackConfig config;
  const std::string_view profile = given.profile != nullptr ? given.profile : "linux";
  if (profile == "rfc") {
    config.tcp = tcp::Config::rfc();
  } else if (profile != "linux") {
    (void)fail(Errno::inval);
    return nullptr;
  }
  const Inside inside(*net);
  config.name = given.name != nullptr ? given.name : "host" + std::to_string(net->stacks.size() + 1);
  posix::Process::Options process;
  if (given.descriptors_max > 0) process.descriptors_max = given.descriptors_max;
  process.privileged = given.privileged != 0;
  net->stacks.push_back(std::make_unique<sk_stack>(*net, net->hosts.add_host(config, process)));
  return net->stacks.back().get();
}

void sk_stack_destroy(sk_stack* stack) {
  if (stack == nullptr) return;
  sk_net& net = stack->net;
  const Inside inside(net);
  net.hosts.remove_host(stack->host);
  std::erase_if(net.stacks, [stack](const auto& owned) { return owned.get() == stack; });
}

const char* sk_stack_name(const sk_stack* stack) {
  return stack->host.stack.config().name.c_str();
}

std::size_t sk_stack_describe(sk_stack* stack, char* text, std::size_t size) {
  const Inside inside(stack->net);
  std::string lines;
  for (const SocketReport& line : stack->host.stack.report()) {
    lines += line.is_stream ? "tcp " : "udp ";
    lines += line.is_stream                     ? tcp::name_of(line.state)
             : line.state == tcp::State::closed ? "UNCONN"
                                                : "ESTAB";
    lines += ' ' + std::to_string(line.receive_queue) + ' ' + std::to_string(line.send_queue) + ' ';
    lines += line.local.to_string() + ' ' + (line.remote.port == 0 ? "*:*" : line.remote.to_string()) + '\n';
  }
  if (size > 0) {
    const std::size_t copied = std::min(size - 1, lines.size());
    std::memcpy(text, lines.data(), copied);
    text[copied] = '\0';
  }
  return lines.size();
}

int sk_link_pair(sk_stack* a, const char* addresses_a, sk_stack* b, const char* addresses_b,
                 const sk_link_options* options) {
  if (a == nullptr || b == nullptr || &a->net != &b->net || addresses_a == nullptr || addresses_b == nullptr)
    return fail(Errno::inval);
  auto parsed_a = Hosts::parse_addresses(addresses_a);
  auto parsed_b = Hosts::parse_addresses(addresses_b);
  if (!parsed_a || !parsed_b) return fail(Errno::inval);
  const Inside inside(a->net);
  const sk_link_options given = options == nullptr ? sk_link_options{} : *options;
  Hosts::LinkOptions link;
  link.pipe.delay = to_duration(given.delay);
  if (given.mtu != 0) link.pipe.mtu = given.mtu;
  link.default_route = given.default_route != 0;
  if (given.tap != nullptr)
    link.tap = [a, b, tap = given.tap, user = given.user](Instant, bool from_first, Bytes packet) {
      tap(user, from_first ? a : b, packet.data(), packet.size());
    };
  a->net.hosts.connect(a->host, std::move(*parsed_a), b->host, std::move(*parsed_b), link);
  return 0;
}

sk_link* sk_link_create(sk_stack* stack, const char* addresses, const sk_link_options* options,
                        sk_packet_fn transmit, void* user) {
  auto parsed = Hosts::parse_addresses(addresses == nullptr ? "" : addresses);
  if (stack == nullptr || !parsed) {
    fail(Errno::inval);
    return nullptr;
  }
  const Inside inside(stack->net);
  const sk_link_options given = options == nullptr ? sk_link_options{} : *options;
  posix::RawLinkOptions link;
  if (given.mtu != 0) link.mtu = given.mtu;
  link.transmit = [stack, given, transmit, user](Instant, Bytes packet) {
    if (given.tap != nullptr) given.tap(given.user, stack, packet.data(), packet.size());
    if (transmit != nullptr) transmit(user, stack, packet.data(), packet.size());
  };
  auto& attached = stack->net.hosts.attach(stack->host, std::move(*parsed), link, given.default_route != 0);
  stack->net.links.push_back({stack->net, attached});
  return &stack->net.links.back();
}

int sk_link_input(sk_link* link, const void* packet, std::size_t size) {
  if (link == nullptr || (packet == nullptr && size > 0)) return fail(Errno::inval);
  const Inside inside(link->net);
  const Result<> taken = link->link.input(link->net.hosts.now(), bytes_of(packet, size));
  return taken ? 0 : fail(taken.error());
}

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/packetdrill/adapter.h"

#include <algorithm>
#include <cerrno>

#include "stack/sysctl.h"
#include "tools/packetdrill/proc_net.h"

namespace sockeye::packetdrill {
namespace {

constexpr std::uint32_t kLargestPacket = 65535;
// packetdrill sleeps until this long before an event and reads the clock for the rest of the time.
constexpr Duration kSpin = 20us;
// A script's events read the clock a few times each; more readings than this are that spinning.
constexpr unsigned kReadingsPerEvent = 8;

StackConfig config_of_host() {
  StackConfig config;
  config.name = "packetdrill";
  return config;
}

}  // namespace

Adapter::Adapter(const Flags& flags)
    : hosts_(flags.seed, &clock_),
      host_(hosts_.add_host(config_of_host(), {.descriptors_max = 1024, .privileged = true})) {
  auto addresses = posix::Hosts::parse_addresses(flags.addresses);
  if (!addresses) return;
  posix::RawLinkOptions options;
  options.mtu = flags.mtu;
  if (flags.tso) options.largest_packet = kLargestPacket;
  options.transmit = [this](Instant now, Bytes packet) {
    if (!drops_) sent_.push_back({now, std::vector<std::byte>(packet.begin(), packet.end())});
  };
  constexpr bool kDefaultRoute = true;
  link_ = &hosts_.attach(host_, std::move(*addresses), options, kDefaultRoute);
}

long Adapter::answer(long result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

// Everything that is due happens; the next deadline.
Instant Adapter::settle() {
  hosts_.now();  // they see the time only when they are told to look
  return hosts_.settle();
}

// What is due happens; then time jumps to the next deadline, or to the limit.
bool Adapter::step(Instant limit) {
  const Instant next = std::min({settle(), clock_.parked_deadline(), limit});
  if (next == kNever) return false;
  clock_.wait_until(next);
  settle();
  clock_.pass_turn();
  return true;
}

int Adapter::send(Bytes packet) {
  const Lock lock(mutex_);
  spinning_ = 0;
  if (link_ == nullptr) return -1;
  const Result<> taken = link_->input(clock_.now(), packet);
  settle();
  clock_.pass_turn();
  if (taken) return 0;
  errno = to_int(taken.error());
  return -1;
}

std::size_t Adapter::receive(MutableBytes room, long long& time_usecs) {
  const Lock lock(mutex_);
  spinning_ = 0;
  while (sent_.empty())
    if (!step(kNever)) return 0;
  const Sent packet = std::move(sent_.front());
  sent_.pop_front();
  const std::size_t size = std::min(room.size(), packet.bytes.size());
  std::copy_n(packet.bytes.begin(), size, room.begin());
  time_usecs = to_ns(packet.at.time_since_epoch()) / 1000;
  return size;
}

void Adapter::sleep(Duration time) {
  clock_.let_caller_finish();
  const Lock lock(mutex_);
  spinning_ = 0;
  const Instant until = clock_.now() + time + kSpin;
  while (clock_.now() < until) step(until);
}

std::int64_t Adapter::read_clock() {
  const Lock lock(mutex_);
  if (++spinning_ > kReadingsPerEvent) {
    clock_.advance(1us);
    settle();
  }
  clock_.note_reading();
  return to_ns(clock_.now().time_since_epoch()) / 1000;
}

Result<> Adapter::set_sysctl(std::string_view name, std::string_view value) {
  const Lock lock(mutex_);
  return host_.stack.set_sysctl(name, value);
}

void Adapter::forget_peers() {
  const Lock lock(mutex_);
  host_.stack.forget_peers();
}

void Adapter::drop_all(bool on) {
  const Lock lock(mutex_);
  drops_ = on;
}

void Adapter::cut_all(bool on) {
  const Lock lock(mutex_);
  if (link_ != nullptr) link_->set_cutting(on);
}

std::string Adapter::sockets(bool v6) {
  const Lock lock(mutex_);
  return proc_net_tcp(host_.stack.report(), v6);
}

// Under the names of /proc/net/netstat, as nstat prints them.
std::string Adapter::counters() {
  const Lock lock(mutex_);
  std::string text;
  const tcp::Counters& all = host_.stack.tcp_counters();
  for (std::size_t i = 0; i < tcp::kCounters; ++i) {
    const std::uint64_t value = all[static_cast<tcp::Counter>(i)];
    if (value == 0) continue;
    text += "TcpExt" + std::string(tcp::kCounterNames[i].name) + ' ' + std::to_string(value) + " 0.0\n";
  }
  return text;
}

Result<std::string> Adapter::get_sysctl(std::string_view name) {
  const Lock lock(mutex_);
  return sockeye::get_sysctl(host_.stack.config(), name);
}

}  // namespace sockeye::packetdrill

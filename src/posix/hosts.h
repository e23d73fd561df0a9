// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What an embedding program owns: some hosts (a stack and a process each), the links between them and
// to the outside, and the time they share. One thread. Without a Clock time is virtual: it stands
// still while something can be done, and jumps to the next deadline when a call waits.
//
// Between two calls every host is at rest: whatever was due at the present instant has happened.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "link/pipe.h"
#include "posix/process.h"
#include "posix/raw_link.h"

namespace sockeye::posix {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() = 0;
  // Returns at `until`, or earlier when something has come in from outside.
  virtual void wait_until(Instant until) = 0;
  // Can anything come in from outside? Otherwise waiting without a limit is a deadlock.
  virtual bool has_outside() const = 0;
};

class Hosts;

// A host: what sk_stack points to.
struct Host {
  Host(Hosts& owner, const StackConfig& config, std::uint64_t seed, const Process::Options& options);
  Hosts& owner;
  SeededRng secret;
  SeededRng open;
  Stack stack;
  Process process;
  std::vector<Link*> links;  // its ends
};

class Hosts final : public Turner {
 public:
  // Without a clock time is virtual and begins at zero. The clock outlives the hosts.
  explicit Hosts(std::uint64_t seed, Clock* clock = nullptr);
  ~Hosts();
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  Host& add_host(StackConfig config, const Process::Options& options);
  void remove_host(Host& host);  // without a word to its peers, as a power cut
  // Parses "10.0.0.1/24,fd00::1/64"; EINVAL.
  static Result<std::vector<InterfaceAddress>> parse_addresses(std::string_view text);

  struct LinkOptions {
    PipeOptions pipe{};
    bool default_route = false;  // of both ends
    PacketTap tap{};             // sees every packet of both directions
  };
  void connect(Host& a, std::vector<InterfaceAddress> addresses_a, Host& b,
               std::vector<InterfaceAddress> addresses_b, const LinkOptions& options);
  RawLink& attach(Host& host, std::vector<InterfaceAddress> addresses, const RawLinkOptions& options,
                  bool default_route);

  // Everything that is due now happens; the next deadline.
  Instant settle();
  void run_until(Instant until);

  Instant now() override { return clock_ == nullptr ? now_ : now_ = clock_->now(); }
  bool turn(Instant until) override;

 private:
  friend struct Host;
  bool link_has_arrival() const;
  void drain_dead_ends();

  PacketPool pool_;
  std::vector<std::unique_ptr<Pipe>> pipes_;  // links outlive the stacks
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Link*> dead_ends_;  // of hosts that were removed
  std::uint64_t seed_;
  std::uint64_t hosts_made_ = 0;
  Clock* clock_;
  Instant now_{};
};

}  // namespace sockeye::posix

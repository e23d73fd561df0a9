// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// What a hello does: agrees on version, qualities and seed, and makes the host.
#include <sys/random.h>

#include "sim/net_spec.h"
#include "wire/dns.h"
#include "world/world.h"

namespace sockeye::world {

namespace {

constexpr std::uint64_t kSecretStream = 0x5ec7e7;
constexpr std::uint64_t kOpenStream = 0x09e4;

std::uint64_t draw_seed() {
  std::uint64_t seed = 0;
  const ssize_t size = ::getrandom(&seed, sizeof seed, 0);
  SOCKEYE_ASSERT(size == static_cast<ssize_t>(sizeof seed));
  return seed;
}

std::string quoted(const std::string& text) {
  return text.empty() ? "none" : "'" + text + "'";
}

std::vector<IpAddress> numbered_addresses(std::size_t number) {
  const auto low = static_cast<std::uint8_t>(number);
  return {IpAddress::v4(10, 0, 0, low),
          IpAddress::v6({0xfd, 0x00, 0x05, 0x0c, 0x0e, 0x7e, 0, 0, 0, 0, 0, 0, 0, 0, 0, low})};
}

std::optional<HelloError> seeds_differ(const Hello& hello, const sim::NetSpec& spec) {
  if (!hello.seed || !spec.seed || *hello.seed == *spec.seed) return std::nullopt;
  return HelloError{"--seed " + std::to_string(*hello.seed) + " and seed=" + std::to_string(*spec.seed) +
                    " in --net differ: give one of them"};
}

}  // namespace

std::vector<IpAddress> World::addresses_of(std::string_view name) const {
  if (dns::same_name(name, "localhost")) return {IpAddress::loopback_v4(), IpAddress::loopback_v6()};
  std::vector<IpAddress> addresses;
  for (const auto& host : hosts_)
    if (dns::same_name(host->name(), name))
      for (const InterfaceAddress& entry : host->stack().addresses()) addresses.push_back(entry.address);
  return addresses;
}

std::string World::name_of(const IpAddress& address) const {
  if (address.is_loopback()) return "localhost";
  for (const auto& host : hosts_)
    for (const InterfaceAddress& entry : host->stack().addresses())
      if (entry.address == address) return host->name();
  return {};
}

bool World::has_server(const Endpoint& at, IpProtocol protocol) const {
  const Host* host = find_host(name_of(at.address));
  return host != nullptr && host->stack().has_owner(at, protocol);
}

// The first hello makes the network; a later one must not ask for another.
std::optional<HelloError> World::agree(const Hello& hello) {
  const sim::NetSpecResult parsed = sim::parse_net_spec(hello.net.value_or(""));
  if (hello.net && !parsed.spec) return HelloError{"--net: " + parsed.error};
  const sim::NetSpec spec = hello.net ? *parsed.spec : sim::NetSpec{};
  if (auto error = seeds_differ(hello, spec)) return error;
  std::optional<std::uint64_t> seed = hello.seed ? hello.seed : spec.seed;
  if (network_) {
    sim::NetSpec asked = spec;
    asked.seed = network_->spec().seed;
    if (hello.net && asked != network_->spec())
      return HelloError{"this world's network is " + quoted(network_->spec().to_string()) + ", not " +
                        quoted(*hello.net) + ": give the same --net or none"};
    if (seed && *seed != seed_)
      return HelloError{"this world's seed is " + std::to_string(seed_) + ", not " + std::to_string(*seed)};
    return std::nullopt;
  }
  seed_was_drawn_ = !seed;
  // A drawn seed is printed, so what must not be guessed is drawn apart.
  seed_ = seed ? *seed : options_.entropy ? *options_.entropy : draw_seed();
  secret_seed_ = seed || options_.entropy ? seed_ : draw_seed();
  network_ = std::make_unique<sim::Network>(spec, seed_);
  return std::nullopt;
}

Host& World::make_host(const Hello& hello) {
  const std::size_t number = hosts_.size() + 1;
  const std::vector<IpAddress> addresses = numbered_addresses(number);
  StackConfig config;
  config.name = hello.host;
  hosts_.push_back(std::make_unique<Host>(config, pool_, mix64(secret_seed_ ^ mix64(kSecretStream + number)),
                                          mix64(seed_ ^ mix64(kOpenStream + number)), now()));
  Host& host = *hosts_.back();
  sim::Port& port = network_->attach(hello.host, addresses);
  host.stack().add_interface("eth0", port, {{addresses[0], 24}, {addresses[1], 64}});
  if (hello.impair_loopback && hello.net)
    host.stack().replace_loopback(network_->attach_loopback(hello.host + ".lo"));
  host.serve_names(*this);
  return host;
}

std::variant<World::Joined, HelloError> World::join(const Hello& hello, UniqueFd pcap) {
  if (hello.version != options_.version)
    return HelloError{"this world speaks version " + std::to_string(options_.version) +
                      " of the protocol and this program version " + std::to_string(hello.version) +
                      ": they are different builds of sockeye"};
  if (hello.host.empty()) {
    Joined joined;
    joined.welcome.seed = seed_;
    return joined;
  }
  if (auto problem = check_host_name(hello.host); !problem.empty()) return HelloError{problem};
  Host* host = find_host(hello.host);
  if (host == nullptr && hosts_.size() == kHostsMax)
    return HelloError{"a world has at most " + std::to_string(kHostsMax) + " hosts"};
  if (pcap && capture_) return HelloError{"this world writes a capture file already: leave out --pcap"};
  if (auto error = agree(hello)) return *error;
  if (pcap) {
    capture_ = std::make_unique<Capture>(std::move(pcap));
    network_->set_tap(&capture_->tap());
  }
  keep_ = keep_ || hello.keep;
  Joined joined;
  joined.host = host != nullptr ? host : &make_host(hello);
  joined.welcome.seed = seed_;
  joined.welcome.seed_was_drawn = seed_was_drawn_;
  joined.welcome.host = hello.host;
  for (const InterfaceAddress& entry : joined.host->stack().addresses())
    joined.welcome.addresses.push_back(entry.address);
  joined.welcome.notes = options_.notes;
  return joined;
}

}  // namespace sockeye::world

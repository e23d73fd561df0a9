// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The bind conflict table (hostile.md H13): every pair of family, address, SO_REUSEADDR, SO_REUSEPORT
// and state, on the kernel and here.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "stack/parity.h"

namespace sockeye {
namespace {

struct Claim {
  int domain;
  const char* address;
  bool v6only;
  bool reuse_address;
  bool reuse_port;
  bool listens;

  std::string to_string() const {
    return std::string(address) + (v6only ? " v6only" : "") + (reuse_address ? " reuseaddr" : "") +
           (reuse_port ? " reuseport" : "") + (listens ? " listening" : "");
  }
};

std::vector<Claim> all_claims(bool with_listen) {
  std::vector<Claim> claims;
  for (const auto& [domain, address, v6only] : {std::tuple{AF_INET, "0.0.0.0", false},
                                                {AF_INET, "127.0.0.1", false},
                                                {AF_INET6, "::", false},
                                                {AF_INET6, "::", true},
                                                {AF_INET6, "::1", false},
                                                {AF_INET6, "127.0.0.1", false},
                                                {AF_INET6, "0.0.0.0", false}})
    for (const bool reuse_address : {false, true})
      for (const bool reuse_port : {false, true})
        for (const bool listens : {false, true})
          if (!listens || with_listen)
            claims.push_back({domain, address, v6only, reuse_address, reuse_port, listens});
  return claims;
}

std::string take(SocketCalls& calls, const Claim& claim, int type, unsigned port) {
  const int s = calls.open(claim.domain, type);
  if (claim.v6only)
    (void)calls.set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  else if (claim.domain == AF_INET6)
    (void)calls.set(s, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (claim.reuse_address) (void)calls.set(s, SOL_SOCKET, SO_REUSEADDR, 1);
  if (claim.reuse_port) (void)calls.set(s, SOL_SOCKET, SO_REUSEPORT, 1);
  std::string log = calls.bind(s, claim.address, port);
  if (claim.listens && log == "ok") log += ", listen " + calls.listen(s, 5);
  return log;
}

std::string run_pair(std::unique_ptr<SocketCalls> calls, const Claim& first, const Claim& second, int type,
                     unsigned port) {
  std::string log = take(*calls, first, type, port) + "; ";
  return log += take(*calls, second, type, port);
}

void compare_all(int type) {
  const unsigned port = unused_port();
  const auto claims = all_claims(type == SOCK_STREAM);
  int differences = 0;
  for (const Claim& first : claims)
    for (const Claim& second : claims) {
      const std::string theirs = run_pair(kernel_calls(), first, second, type, port);
      const std::string ours = run_pair(our_calls(), first, second, type, port);
      if (theirs != ours && ++differences <= 20)
        ADD_FAILURE() << "[" << first.to_string() << "] then [" << second.to_string()
                      << "]\n  kernel: " << theirs << "\n  here:   " << ours;
    }
  EXPECT_EQ(differences, 0) << "of " << claims.size() * claims.size();
}

TEST(BindParity, Streams) {
  compare_all(SOCK_STREAM);
}
TEST(BindParity, Datagrams) {
  compare_all(SOCK_DGRAM);
}

// A server that closed first leaves TIME_WAIT on its port.
std::string restart(std::unique_ptr<SocketCalls> calls, bool first_reuses, bool second_reuses,
                    const char* second_address) {
  const unsigned port = unused_port();
  const int listener = calls->open(AF_INET, SOCK_STREAM);
  if (first_reuses) (void)calls->set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  std::string log = calls->bind(listener, "127.0.0.1", port) + " ";
  log += calls->listen(listener, 5) + " ";
  const int client = calls->open(AF_INET, SOCK_STREAM);
  log += calls->connect(client, "127.0.0.1", port) + " ";
  calls->wait(listener, 1);
  const int server = calls->accept(listener);
  log += server >= 0 ? "accepted " : "not accepted ";
  calls->close(server);
  calls->wait(client, 1);
  log += calls->receive(client, 10) + " ";
  calls->close(client);
  calls->close(listener);
  const int again = calls->open(AF_INET, SOCK_STREAM);
  if (second_reuses) (void)calls->set(again, SOL_SOCKET, SO_REUSEADDR, 1);
  log += calls->bind(again, second_address, port);
  return log;
}

TEST(BindParity, TimeWaitOnThePort) {
  for (const bool first : {false, true})
    for (const bool second : {false, true})
      for (const char* address : {"127.0.0.1", "0.0.0.0", "127.0.0.2"})
        EXPECT_EQ(restart(kernel_calls(), first, second, address),
                  restart(our_calls(), first, second, address))
            << first << second << " " << address;
}

}  // namespace
}  // namespace sockeye

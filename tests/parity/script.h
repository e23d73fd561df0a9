// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A parity test is a script of socket calls that writes down what each call answered. It is run
// against the kernel and against us, and the two transcripts are compared line by line. The kernel is
// the expectation; a line may differ only when differences.cc lists it with the reason.
//
//   PARITY(ConnectToNobody) {
//     const int fd = s.socket(AF_INET, SOCK_STREAM);
//     s.connect(fd, s.free_port(AF_INET));
//   }
//
// Numbers that are chosen by chance (descriptors, ports) do not appear in a transcript.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <string>
#include <string_view>
#include <vector>

#include "calls.h"

namespace sockeye::parity {

// A socket address of either family.
struct Name {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  std::uint16_t port() const;
};

Name address(int family, const char* ip, std::uint16_t port);
Name loopback(int family, std::uint16_t port);
Name anywhere(int family, std::uint16_t port);

struct Pair {
  int client = -1;
  int server = -1;
};

class Script {
 public:
  explicit Script(Calls& calls) : k(calls) {}
  ~Script();
  Calls& k;  // calls that are not written down

  void note(const std::string& line) { lines_.push_back(line); }
  // "what = 5", "what = EAGAIN"; the number itself is the answer.
  long note(const std::string& what, long result);
  const std::vector<std::string>& lines() const { return lines_; }

  // --- calls, written down
  int socket(int family, int type, int protocol = 0);
  long bind(int fd, const Name& name) { return note("bind", k.bind(fd, name.get(), name.size)); }
  long listen(int fd, int backlog) { return note("listen", k.listen(fd, backlog)); }
  int accept(int fd, int flags = 0);
  long connect(int fd, const Name& name) { return note("connect", k.connect(fd, name.get(), name.size)); }
  long send(int fd, std::string_view bytes, int flags = 0);
  long send_to(int fd, std::string_view bytes, const Name& name, int flags = 0);
  long receive(int fd, std::size_t room, int flags = 0);  // and the bytes
  long receive_from(int fd, std::size_t room, int flags = 0);
  long shutdown(int fd, int how) { return note("shutdown", k.shutdown(fd, how)); }
  long close(int fd);
  long poll(int fd, int events = ~0, int timeout = 0);          // and the bits
  long option(int fd, int level, int name, const char* label);  // and the value
  long set(int fd, int level, int name, int value, const char* label);
  long control(int fd, unsigned long request, const char* label);  // and the value
  void state(int fd);                                              // TCP_INFO's
  void names(int fd);                                              // addresses, without ports
  void settle() { k.settle(); }
  void rest();  // long enough for a delayed acknowledgment

  // --- scenes that most scripts begin with; failures inside are written down
  Name free_port(int family, int type = SOCK_STREAM);
  int listener(int family = AF_INET, int backlog = 8, Name* name = nullptr);
  Pair pair(int family = AF_INET);       // a connection
  Pair datagrams(int family = AF_INET);  // two bound sockets, the first connected to the second
  void nonblocking(int fd);
  Name name_of(int fd);
  void limit(int fd, int option, int milliseconds);  // SO_RCVTIMEO, SO_SNDTIMEO

 private:
  std::vector<std::string> lines_;
  std::vector<int> opened_;
};

std::string error_name(long error);
std::string bits_of(unsigned events);

// Runs a script both ways and compares.
void compare(const char* test, void (*script)(Script&));

// Is a difference listed? Lines as they stand in the transcripts.
const char* known_difference(std::string_view test, std::string_view kernel, std::string_view ours);

}  // namespace sockeye::parity

#define PARITY(test)                                       \
  static void script_##test(::sockeye::parity::Script& s); \
  TEST(Parity, test) {                                     \
    ::sockeye::parity::compare(#test, script_##test);      \
  }                                                        \
  static void script_##test(::sockeye::parity::Script& s)

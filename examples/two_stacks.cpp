// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Two hosts in one process, a link of 50 ms between them, and virtual time: what you see takes seconds
// on the hosts' clocks and a moment on yours, and is the same in every run. Every packet is shown, and
// the socket tables as they change: the handshake, a transfer, a half close, TIME_WAIT.
#include <cstdio>
#include <cstdlib>
#include <sockeye/sockeye.hpp>

namespace {

using namespace std::chrono_literals;

struct Watcher {
  sk_net* net = nullptr;
  int packets = 0;
};

// Just enough of IPv4 and TCP to print a line per packet.
void show(void* user, sk_stack* sender, const void* packet, size_t size) {
  auto* watcher = static_cast<Watcher*>(user);
  ++watcher->packets;
  const auto* bytes = static_cast<const unsigned char*>(packet);
  const std::size_t ip_header = (bytes[0] & 15u) * 4u;
  if (bytes[9] != IPPROTO_TCP || size < ip_header + 20) return;
  const unsigned char* tcp = bytes + ip_header;
  const std::size_t payload = size - ip_header - (tcp[12] >> 4) * 4u;
  std::printf("%9.3f ms  %-6s  ", static_cast<double>(sk_net_now(watcher->net)) / 1e6, sk_stack_name(sender));
  const char* names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
  for (unsigned bit = 0; bit < 6; ++bit)
    if ((tcp[13] >> bit & 1u) != 0) std::printf("%s ", names[bit]);
  std::printf(" %zu bytes\n", payload);
}

void show_tables(const char* when, const sockeye::Host& a, const sockeye::Host& b) {
  std::printf("--- %s\n", when);
  for (const sockeye::Host* host : {&a, &b})
    std::printf("%s:\n%s", host->name().data(), host->describe().c_str());
}

}  // namespace

int main() {
  sockeye::Net net(42);
  Watcher watcher{net.get()};
  const sockeye::Host left = net.host("left");
  const sockeye::Host right = net.host("right");
  net.link(left, "10.0.0.1/24", right, "10.0.0.2/24",
           {.delay = 50ms, .mtu = 1500, .tap = show, .user = &watcher});

  sockeye::Socket listener = right.listen("10.0.0.2", 8080);
  sockeye::Socket client = left.connect("10.0.0.2", 8080);
  sockeye::Socket server = listener.accept();
  show_tables("established", left, right);

  client.send_all(std::string(5000, 'x'));
  client.finish();
  std::size_t received = 0;
  for (;;) {
    const std::string piece = server.receive();
    if (piece.empty()) break;
    received += piece.size();
  }
  show_tables("the client has finished, the server has not", left, right);

  server.send_all("thanks");
  server.close();
  const std::string reply = client.receive();
  client.close();
  net.run(1s);
  show_tables("closed; who closed first waits", left, right);
  std::printf("%zu bytes there, \"%s\" back, %d packets, %.3f s\n", received, reply.c_str(), watcher.packets,
              static_cast<double>(net.now().count()) / 1e9);
  return received == 5000 && reply == "thanks" ? EXIT_SUCCESS : EXIT_FAILURE;
}

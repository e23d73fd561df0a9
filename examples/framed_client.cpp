// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP is a stream: three sends may arrive as one recv, one send as six. A protocol on top says where a
// message ends; this one puts the length in front (four bytes, network order). The link is slow and its
// MTU small, so every frame really arrives in pieces.
#include <arpa/inet.h>

#include <cstdio>
#include <cstring>
#include <optional>
#include <sockeye/sockeye.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFrameMax = 1u << 20;  // a peer's length is not to be believed

class Framed {
 public:
  explicit Framed(sockeye::Socket socket) : socket_(std::move(socket)) {}

  void send(const std::string& message) {
    const std::uint32_t size = htonl(static_cast<std::uint32_t>(message.size()));
    std::string frame(sizeof size, '\0');
    std::memcpy(frame.data(), &size, sizeof size);
    socket_.send_all(frame + message);
  }

  // Empty: the peer finished between two frames.
  std::optional<std::string> receive() {
    std::uint32_t size = 0;
    char prefix[sizeof size];
    if (!socket_.receive_exactly(prefix)) return std::nullopt;
    std::memcpy(&size, prefix, sizeof size);
    size = ntohl(size);
    if (size > kFrameMax) throw std::runtime_error("frame too long");
    std::string message(size, '\0');
    if (size > 0 && !socket_.receive_exactly(message)) throw std::runtime_error("torn frame");
    return message;
  }

  void finish() { socket_.finish(); }

 private:
  sockeye::Socket socket_;
};

}  // namespace

int main() {
  sockeye::Net net(7);
  const sockeye::Host client = net.host("client");
  const sockeye::Host server = net.host("server");
  net.link(client, "10.0.0.1/24", server, "10.0.0.2/24", {.delay = 25ms, .mtu = 600});

  sockeye::Socket listener = server.listen("10.0.0.2", 7000);
  Framed asking(client.connect("10.0.0.2", 7000));
  Framed answering(listener.accept());

  const std::string questions[] = {"who is there?", "", std::string(20'000, 'x')};
  for (const std::string& question : questions) asking.send(question);
  asking.finish();

  int answered = 0;
  while (const std::optional<std::string> question = answering.receive()) {
    answering.send("you said " + std::to_string(question->size()) + " bytes");
    ++answered;
  }
  answering.finish();

  while (const std::optional<std::string> answer = asking.receive()) std::printf("%s\n", answer->c_str());
  return answered == 3 ? 0 : 1;
}

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A service that a host gives to its own programs, wherever they think it is: what they send to its
// port goes to an owner on this host if there is one, else to the service, which answers from the
// very address that was asked. This is how names resolve whichever name server the machine is
// configured with (decisions.md D4).
//
// The way there is an interface of its own, on which every address is ours; no route leads to it, no
// qualities apply to it, and no program sees it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "ip/interface.h"
#include "link/pipe.h"

namespace sockeye {

class StreamSocket;

class LocalService {
 public:
  // Somebody out there owns this address and port (not one of this host's): leave it to the network.
  virtual bool leaves_alone(const Endpoint& to, IpProtocol protocol) const = 0;
  // One datagram in, one out; empty: no answer.
  virtual std::vector<std::byte> answer(Bytes request) = 0;

 protected:
  ~LocalService() = default;
};

struct ServicePoint {
  explicit ServicePoint(LocalService& given, std::uint16_t given_port);

  LocalService& service;
  const std::uint16_t port;
  StreamSocket* listener = nullptr;  // none: streams are not served
  Loopback loopback{};
  Interface interface {};
};

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/session_parked.h"

#include <algorithm>

namespace sockeye::gate {

// Tries once; parks what has to wait. The answer, unless it comes later.
std::optional<AgentSession::Answer> AgentSession::park(std::unique_ptr<Parked> parked) {
  parked->op.user = parked.get();
  parked->op.done = &AgentSession::on_done;
  parked->session = this;
  Parked& waiting = *parked.release();  // owned by its operation from here on
  parked_[waiting.id] = &waiting;
  waiting.host->ring().submit(waiting.op);
  return std::nullopt;
}

void AgentSession::on_done(Op* op) {
  std::unique_ptr<Parked> parked(static_cast<Parked*>(op->user));
  if (parked->session == nullptr) return;
  parked->session->parked_.erase(parked->id);
  parked->session->finish(*parked);
}

void AgentSession::finish(Parked& parked) {
  HeldSocket* held = sockets_->find(parked.cookie);
  if (parked.op.code == OpCode::accept && held != nullptr && held->listener) {
    if (parked.op.result >= 0) {
      reply(parked.id, hand_over(*held, std::move(parked.op.accepted)));
      return;
    }
    if (parked.replaced) {
      if (auto connection = held->listener->take_put_back()) {
        reply(parked.id, hand_over(*held, std::move(*connection)));
        return;
      }
    }
  }
  if (held != nullptr && held->stream) held->stream->note();
  reply(parked.id, Answer(parked.op.result));
}

void AgentSession::cancel(std::uint64_t id) {
  const auto at = parked_.find(id);
  if (at == parked_.end()) return;  // answered already
  at->second->host->ring().cancel(at->second->op);
  at->second->host->touch();
}

// The operations are cancelled and driven here and now, because nothing may be in flight when the host
// goes. What their `done` finds is a call without a session.
void AgentSession::abandon_parked() {
  std::vector<world::Host*> hosts;
  for (const auto& [id, parked] : parked_) {
    parked->session = nullptr;
    parked->host->ring().cancel(parked->op);
    if (std::find(hosts.begin(), hosts.end(), parked->host) == hosts.end()) hosts.push_back(parked->host);
  }
  parked_.clear();
  for (world::Host* host : hosts) host->ring().drive(world_.now());
}

}  // namespace sockeye::gate

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Signed segments, for BGP: TCP-MD5 (RFC 2385) and its successor TCP-AO (RFC 5925; its arithmetic is in
// ao.h). Every segment to and from a peer for which there is a key carries a code over headers and data;
// one that does not, or carries another, is dropped before TCP sees it, a RST like any other. Signed
// segments go out one by one (no GSO) and are never merged on arrival: their options differ.
//
// TCP-AO may have several keys for a peer. What arrives names its key; what leaves is signed with the key
// that the peer has asked for last (RNextKeyID), else with the socket's current key, else with the first.
//
// Keys belong to sockets (TCP_MD5SIG, TCP_AO_ADD_KEY); the connections that a listener makes have its keys. A
// ring does not change: who sets a key gets a new ring, so that all connections with equal keys share one. Of
// TCP-AO each connection has a ring of its own, with the keys of its peer: it counts in it (TCP_AO_INFO).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/drop.h"
#include "core/hash.h"
#include "core/ip_address.h"
#include "packet/packet.h"
#include "tcp/ao.h"
#include "tcp/segment.h"

namespace sockeye::tcp {

struct Md5Key {
  static constexpr std::size_t kBytesMax = 80;  // TCP_MD5SIG_MAXKEYLEN
  IpAddress peer{};
  std::uint8_t prefix = 32;  // bits of `peer` that count, within its family
  std::uint8_t size = 0;
  std::array<std::byte, kBytesMax> secret{};

  Bytes bytes() const { return Bytes(secret).first(size); }
};

class KeyRing {
 public:
  // The key with the longest prefix that covers the peer; null: none.
  const Md5Key* find_md5(const IpAddress& peer) const;
  // By what the segment says (KeyID), or any when it is empty: the first that was added.
  const AoKey* find_ao_sent(const IpAddress& peer, std::optional<std::uint8_t> send_id) const;
  const AoKey* find_ao_received(const IpAddress& peer, std::uint8_t receive_id) const;
  bool has_ao(const IpAddress& peer) const { return find_ao_sent(peer, std::nullopt) != nullptr; }
  // What leaves is signed with this; null: nothing is. `asked`: the SendID that the peer has asked for.
  const AoKey* ao_sending(const IpAddress& peer, std::optional<std::uint8_t> asked) const;
  // The key that we ask the peer for, while we send with `sending`.
  const AoKey* ao_requested(const IpAddress& peer, const AoKey& sending) const;
  // The ring of a connection: of TCP-AO's keys those of its peer. `is_accepted`: with counters of its own.
  KeyRing of_connection(const IpAddress& peer, bool is_accepted) const;

  void set(const Md5Key& key);                              // replaces a key of the same peer and prefix
  bool remove_md5(const IpAddress& peer, unsigned prefix);  // false: there is none
  bool add(const AoKey& key);                               // false: one of its IDs is in use for these peers
  // Exactly this one; null: there is none.
  const AoKey* find_ao(const IpAddress& peer, unsigned prefix, std::uint8_t send_id,
                       std::uint8_t receive_id) const;
  void remove_ao(const AoKey& key);  // one of ao_keys()
  const std::vector<Md5Key>& md5_keys() const { return md5_; }
  const std::vector<AoKey>& ao_keys() const { return ao_; }
  bool empty() const { return md5_.empty() && ao_.empty() && !has_ao_info; }

  std::optional<std::uint8_t> ao_current{};  // SendID of what leaves, unless the peer asks for another
  std::optional<std::uint8_t> ao_next{};     // ReceiveID that we ask the peer for
  bool has_ao_info = false;                  // TCP_AO_* was set once: there is something to be read
  bool ao_required = false;                  // peers without a key are refused
  bool ao_accepts_icmp = false;              // RFC 5925 7.8: else ICMP's hard errors are ignored
  mutable AoCounters ao_counters{};          // as AoKey's: a ring that counts is the same ring

 private:
  std::vector<Md5Key> md5_;
  std::vector<AoKey> ao_;
};

// Where a connection stands, as TCP-AO needs to know it.
struct SignedPosition {
  SeqNum iss{};
  SeqNum irs{};
  std::uint64_t sending = 0;  // whole sequence numbers (RFC 5925 6.2) near what is sent and received
  std::uint64_t receiving = 0;
  std::optional<std::uint8_t> key_id{};  // what the peer asked for
};

// What a signature for this peer takes of every header; 0: none. `keys` may be null here and below, and
// so may `position` where there is no connection: then the segment itself says where it stands.
std::uint8_t signature_bytes(const KeyRing* keys, const IpAddress& peer);
// Asks for the option when the peer has a key; before the header is written.
void prepare_signature(const KeyRing* keys, const IpAddress& peer, Segment& segment,
                       const SignedPosition* position);
// Fills in the code. `packet` begins with the header that was written for `segment`; `ends` is ours.
void sign(const KeyRing* keys, const FiveTuple& ends, const Segment& segment, Packet& packet,
          const SignedPosition* position);
// The verdict on an arrival, counted in the ring: `header` is its TCP header, `packet` holds the payload
// only.
std::optional<Drop> check_signature(const KeyRing* keys, const FiveTuple& ends, const Segment& segment,
                                    Bytes header, const Packet& packet, const SignedPosition* position);

// RFC 2385 2.0. `header` with its options; `payload` as in a packet whose headers were consumed.
Md5Digest md5_signature(Bytes key, const IpAddress& source, const IpAddress& destination, Bytes header,
                        const Packet& payload);

}  // namespace sockeye::tcp

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/signature.h"

#include <algorithm>
#include <cstring>

namespace sockeye::tcp {
namespace {

// The same as for the checksum (RFC 793 3.1, RFC 8200 8.1).
void add_pseudo_header(Md5& hash, const IpAddress& source, const IpAddress& destination,
                       std::uint32_t bytes) {
  std::array<std::byte, 40> room{};
  ByteWriter out(room);
  const auto address = [&](const IpAddress& a) {
    const Bytes whole = std::as_bytes(std::span(a.bytes()));
    out.bytes(a.is_v4() ? whole.subspan(12) : whole);
  };
  address(source);
  address(destination);
  if (source.is_v4()) {
    out.u16(static_cast<std::uint16_t>(IpProtocol::tcp));
    out.u16(static_cast<std::uint16_t>(bytes));
  } else {
    out.u32(bytes);
    out.u32(static_cast<std::uint32_t>(IpProtocol::tcp));
  }
  hash.update(Bytes(room).first(out.size()));
}

// `header` in front of the payload is left out.
template <class Hash>
void add_payload(Hash& hash, const Packet& packet, std::size_t header_bytes) {
  hash.update(packet.head().subspan(header_bytes));
  for (const Slice& slice : packet.slices()) hash.update(slice.bytes());
}

Md5Digest md5_of(Bytes key, const IpAddress& source, const IpAddress& destination, Bytes header,
                 const Packet& packet, std::size_t header_in_packet) {
  Md5 hash;
  const auto payload = packet.size() - static_cast<std::uint32_t>(header_in_packet);
  add_pseudo_header(hash, source, destination, static_cast<std::uint32_t>(header.size()) + payload);
  std::array<std::byte, kTcpHeaderMin> fixed;
  std::memcpy(fixed.data(), header.data(), fixed.size());
  store16(fixed.data() + 16, 0);  // the checksum is made later
  hash.update(fixed);
  add_payload(hash, packet, header_in_packet);
  hash.update(key);
  return hash.finish();
}

template <class Key>
bool covers(const Key& key, const IpAddress& peer) {
  return key.peer.is_v4() == peer.is_v4() && peer.same_prefix(key.peer, key.prefix);
}

// The initial numbers of a direction: a SYN shows them itself, a connection knows them, and the segment
// that completes a handshake lies one behind them.
AoIsns isns_of(const Segment& segment, const SignedPosition* position, bool is_sent) {
  if (segment.flags.syn) return {segment.seq, segment.flags.ack ? segment.ack - 1u : SeqNum()};
  if (position == nullptr) return {segment.seq - 1u, segment.ack - 1u};
  return is_sent ? AoIsns{position->iss, position->irs} : AoIsns{position->irs, position->iss};
}

std::uint32_t extension_of(const Segment& segment, const SignedPosition* position, bool is_sent) {
  if (segment.flags.syn || position == nullptr) return 0;
  return ao_extension(segment.seq, is_sent ? position->sending : position->receiving);
}

std::optional<Drop> check_md5(const Md5Key& key, const FiveTuple& ends, const Segment& segment, Bytes header,
                              const Packet& packet) {
  const TcpSignature& signature = segment.options.signature;
  if (signature.kind == TcpSignature::Kind::several) return Drop::md5_failure;
  if (signature.kind != TcpSignature::Kind::md5) return Drop::md5_not_found;
  const Md5Digest expected =
      md5_signature(key.bytes(), ends.remote.address, ends.local.address, header, packet);
  const Bytes got = header.subspan(signature.at + 2u, expected.size());
  if (!is_equal_in_constant_time(expected, got)) return Drop::md5_failure;
  return std::nullopt;
}

// Who signed it is known: does the code fit?
bool verify_ao(const AoKey& key, const FiveTuple& ends, const Segment& segment, Bytes header,
               const Packet& packet, const SignedPosition* position) {
  const TcpSignature& signature = segment.options.signature;
  if (signature.bytes != key.option_bytes()) return false;
  const AoTrafficKey traffic =
      ao_traffic_key(key, ends.remote, ends.local, isns_of(segment, position, false));
  const AoCode code = ao_code(key, traffic, extension_of(segment, position, false), {ends.remote, ends.local},
                              header, signature.at, packet, 0);
  const Bytes got = header.subspan(signature.at + 4u, key.code_bytes);
  return is_equal_in_constant_time(Bytes(code).first(key.code_bytes), got);
}

std::optional<Drop> check_ao(const KeyRing& keys, const FiveTuple& ends, const Segment& segment, Bytes header,
                             const Packet& packet, const SignedPosition* position) {
  const TcpSignature& signature = segment.options.signature;
  if (signature.kind == TcpSignature::Kind::none) return Drop::ao_required;
  if (signature.kind == TcpSignature::Kind::md5) return Drop::md5_unexpected;
  if (signature.kind == TcpSignature::Kind::several) return Drop::ao_bad;
  const AoKey* key = keys.find_ao_received(ends.remote.address, signature.key_id);
  if (key == nullptr) return Drop::ao_key_not_found;
  const bool is_good = verify_ao(*key, ends, segment, header, packet, position);
  ++(is_good ? key->counters.good : key->counters.bad);
  if (!is_good) return Drop::ao_bad;
  ++keys.ao_counters.good;
  return std::nullopt;
}

std::optional<Drop> check_without_key(const KeyRing* keys, const TcpSignature& signature) {
  switch (signature.kind) {
    case TcpSignature::Kind::none:
      break;
    case TcpSignature::Kind::ao:
      return Drop::ao_key_not_found;
    default:
      return Drop::md5_unexpected;
  }
  if (keys != nullptr && keys->ao_required) return Drop::ao_required;
  return std::nullopt;
}

void count_refusal(const KeyRing& keys, Drop reason) {
  if (reason == Drop::ao_bad) ++keys.ao_counters.bad;
  if (reason == Drop::ao_key_not_found) ++keys.ao_counters.key_not_found;
  if (reason == Drop::ao_required) ++keys.ao_counters.required;
}

}  // namespace

const Md5Key* KeyRing::find_md5(const IpAddress& peer) const {
  const Md5Key* best = nullptr;
  for (const Md5Key& key : md5_)
    if (covers(key, peer) && (best == nullptr || key.prefix > best->prefix)) best = &key;
  return best;
}

const AoKey* KeyRing::find_ao_sent(const IpAddress& peer, std::optional<std::uint8_t> send_id) const {
  for (const AoKey& key : ao_)
    if (covers(key, peer) && (!send_id || key.send_id == *send_id)) return &key;
  return nullptr;
}

const AoKey* KeyRing::find_ao_received(const IpAddress& peer, std::uint8_t receive_id) const {
  for (const AoKey& key : ao_)
    if (covers(key, peer) && key.receive_id == receive_id) return &key;
  return nullptr;
}

const AoKey* KeyRing::ao_sending(const IpAddress& peer, std::optional<std::uint8_t> asked) const {
  const AoKey* key = asked ? find_ao_sent(peer, asked) : nullptr;
  if (key == nullptr && ao_current) key = find_ao_sent(peer, ao_current);
  return key != nullptr ? key : find_ao_sent(peer, std::nullopt);
}

const AoKey* KeyRing::ao_requested(const IpAddress& peer, const AoKey& sending) const {
  const AoKey* key = ao_next ? find_ao_received(peer, *ao_next) : nullptr;
  return key != nullptr ? key : &sending;
}

KeyRing KeyRing::of_connection(const IpAddress& peer, bool is_accepted) const {
  KeyRing own = *this;
  std::erase_if(own.ao_, [&](const AoKey& key) { return !covers(key, peer); });
  if (is_accepted) {
    own.ao_counters = {};
    for (const AoKey& key : own.ao_) key.counters = {};
  }
  if (const AoKey* sending = own.ao_sending(peer, std::nullopt)) {
    own.ao_next = own.ao_requested(peer, *sending)->receive_id;
    own.ao_current = sending->send_id;
  }
  return own;
}

void KeyRing::set(const Md5Key& key) {
  (void)remove_md5(key.peer, key.prefix);
  md5_.push_back(key);
}

bool KeyRing::remove_md5(const IpAddress& peer, unsigned prefix) {
  const auto found = std::find_if(
      md5_.begin(), md5_.end(), [&](const Md5Key& key) { return key.prefix == prefix && key.peer == peer; });
  if (found == md5_.end()) return false;
  md5_.erase(found);
  return true;
}

bool KeyRing::add(const AoKey& key) {
  for (const AoKey& other : ao_) {
    const bool overlaps = covers(other, key.peer) || covers(key, other.peer);
    if (overlaps && (other.send_id == key.send_id || other.receive_id == key.receive_id)) return false;
  }
  ao_.push_back(key);
  return true;
}

const AoKey* KeyRing::find_ao(const IpAddress& peer, unsigned prefix, std::uint8_t send_id,
                              std::uint8_t receive_id) const {
  for (const AoKey& key : ao_)
    if (key.prefix == prefix && key.peer == peer && key.send_id == send_id && key.receive_id == receive_id)
      return &key;
  return nullptr;
}

void KeyRing::remove_ao(const AoKey& key) {
  ao_.erase(ao_.begin() + (&key - ao_.data()));
}

std::uint8_t signature_bytes(const KeyRing* keys, const IpAddress& peer) {
  Segment segment;
  prepare_signature(keys, peer, segment, nullptr);
  return static_cast<std::uint8_t>(segment.options.signature.padded());
}

void prepare_signature(const KeyRing* keys, const IpAddress& peer, Segment& segment,
                       const SignedPosition* position) {
  if (keys == nullptr) return;
  TcpSignature& signature = segment.options.signature;
  if (keys->find_md5(peer) != nullptr) {
    signature.kind = TcpSignature::Kind::md5;
    signature.bytes = TcpSignature::kMd5Bytes;
  } else if (const AoKey* key =
                 keys->ao_sending(peer, position != nullptr ? position->key_id : std::nullopt)) {
    signature.kind = TcpSignature::Kind::ao;
    signature.bytes = key->option_bytes();
    signature.key_id = key->send_id;
    signature.next_key_id = keys->ao_requested(peer, *key)->receive_id;
  }
}

void sign(const KeyRing* keys, const FiveTuple& ends, const Segment& segment, Packet& packet,
          const SignedPosition* position) {
  const TcpSignature& signature = segment.options.signature;
  if (signature.kind == TcpSignature::Kind::none) return;
  const std::uint32_t header_bytes = tcp_emit_size(segment);
  const Bytes header = packet.head().first(header_bytes);
  std::byte* code_at = packet.mutable_head().data() + TcpSignature::kCodeAt;
  if (signature.kind == TcpSignature::Kind::md5) {
    const Md5Key* key = keys->find_md5(ends.remote.address);
    const Md5Digest digest =
        md5_of(key->bytes(), ends.local.address, ends.remote.address, header, packet, header_bytes);
    std::memcpy(code_at, digest.data(), digest.size());
    return;
  }
  const AoKey* key = keys->find_ao_sent(ends.remote.address, signature.key_id);
  const AoTrafficKey traffic =
      ao_traffic_key(*key, ends.local, ends.remote, isns_of(segment, position, true));
  const AoCode code = ao_code(*key, traffic, extension_of(segment, position, true), ends, header,
                              kTcpHeaderMin, packet, header_bytes);
  std::memcpy(code_at, code.data(), key->code_bytes);
}

std::optional<Drop> check_signature(const KeyRing* keys, const FiveTuple& ends, const Segment& segment,
                                    Bytes header, const Packet& packet, const SignedPosition* position) {
  const IpAddress& peer = ends.remote.address;
  const Md5Key* md5 = keys != nullptr ? keys->find_md5(peer) : nullptr;
  if (md5 != nullptr) return check_md5(*md5, ends, segment, header, packet);
  const auto refusal = keys != nullptr && keys->has_ao(peer)
                           ? check_ao(*keys, ends, segment, header, packet, position)
                           : check_without_key(keys, segment.options.signature);
  if (refusal && keys != nullptr) count_refusal(*keys, *refusal);
  return refusal;
}

Md5Digest md5_signature(Bytes key, const IpAddress& source, const IpAddress& destination, Bytes header,
                        const Packet& payload) {
  return md5_of(key, source, destination, header, payload, 0);
}

}  // namespace sockeye::tcp

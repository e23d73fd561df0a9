// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Fragments become datagrams again (RFC 791 3.2, RFC 8200 4.5, RFC 5722). Both families share one
// reassembler and one budget. What an attacker may cost us is bounded (hostile.md B11-B19): 4 MiB in
// all, 64 datagrams per source, 128 pieces per datagram, 30 s (IPv4) or 60 s (IPv6) of patience; at
// the limit the oldest datagram goes.
//
// Fragments that overlap condemn their datagram, and what still comes of it is discarded too until
// its time is over; an exact repetition of a piece is harmless and dropped.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/drop.h"
#include "core/intrusive_list.h"
#include "core/ip_address.h"
#include "core/time.h"
#include "packet/packet.h"

namespace sockeye {

class FragmentReassembler {
 public:
  static constexpr std::size_t kBytesMax = 4u << 20;
  static constexpr std::size_t kPerSourceMax = 64;
  static constexpr std::size_t kPiecesMax = 128;
  static constexpr Duration kPatienceV4 = 30s;
  static constexpr Duration kPatienceV6 = 60s;

  struct Key {
    IpAddress source{};
    IpAddress destination{};
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;  // IPv4 only; 0 for IPv6
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  // One fragment: `packet` is the whole packet, its fragment data begins at `data_at`.
  struct Fragment {
    Key key{};
    std::uint32_t offset = 0;  // of the data in the datagram, in bytes
    bool more = false;
    std::uint32_t data_at = 0;
    // Of the first fragment: its headers as the reassembled packet shall have them.
    std::vector<std::byte> header{};
  };
  struct Outcome {
    std::optional<Drop> drop{};
    PacketPtr complete{};  // headers in the head area, lengths still those of the first fragment
    std::uint32_t header_bytes = 0;
    std::uint32_t evicted = 0;  // fragments of others that made room: fragment_limit
  };
  // A datagram that did not become complete in time; `first` when its first fragment had come.
  struct Expired {
    PacketPtr first{};
    std::size_t pieces = 0;
  };

  Outcome add(Instant now, Fragment fragment, PacketPtr packet);
  std::optional<Instant> next_timer() const;
  std::optional<Expired> next_expired(Instant now);  // until empty
  std::size_t bytes_held() const { return bytes_; }
  std::size_t datagrams() const { return datagrams_.size(); }

 private:
  struct Piece {
    std::uint32_t offset;
    std::uint32_t length;
    std::uint32_t data_at;
    PacketPtr packet;
  };
  struct SourceTag {};
  struct Datagram : ListHook<>, ListHook<SourceTag> {
    Key key{};
    Instant expires{};
    bool condemned = false;
    std::uint32_t total = 0;  // known once the last fragment has come
    std::uint32_t received = 0;
    std::size_t bytes = 0;
    std::vector<std::byte> header{};
    std::vector<Piece> pieces{};  // by offset
  };
  using Map = std::map<Key, std::unique_ptr<Datagram>>;

  struct Source {
    IntrusiveList<Datagram, SourceTag> datagrams{};  // by age
    std::size_t count = 0;
  };

  Datagram* find(const Key& key);
  Datagram& make(Instant now, const Key& key, Outcome& outcome);
  void evict(Datagram& datagram, Outcome& outcome);
  std::optional<Drop> insert(Datagram& datagram, const Fragment& fragment, PacketPtr packet);
  void condemn(Datagram& datagram);
  void erase(Datagram& datagram);
  PacketPtr assemble(Datagram& datagram);
  Datagram* oldest();

  Map datagrams_;
  std::map<IpAddress, Source> per_source_;
  IntrusiveList<Datagram> v4_;  // by age
  IntrusiveList<Datagram> v6_;
  std::size_t bytes_ = 0;
};

}  // namespace sockeye

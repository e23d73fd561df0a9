// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "floor.h"

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "harness.h"

namespace sockeye::bench {
namespace {

constexpr std::size_t kHeaders = 20 + 32;  // IPv4, TCP with timestamps

// Folded one's complement sum of 16-bit words, in memory order.
std::uint32_t fold(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint32_t>(sum);
}

std::uint64_t sum_of(const std::byte* data, std::size_t size) {
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  for (; size >= 16; size -= 16, data += 16) {
    std::uint32_t w[4];
    std::memcpy(w, data, 16);
    a += w[0];
    b += w[1];
    c += w[2];
    d += w[3];
  }
  std::uint64_t sum = a + b + c + d;
  for (; size >= 2; size -= 2, data += 2) {
    std::uint16_t w;
    std::memcpy(&w, data, 2);
    sum += w;
  }
  if (size == 1) sum += std::to_integer<std::uint8_t>(*data);
  return sum;
}

std::uint64_t copy_and_sum(std::byte* to, const std::byte* from, std::size_t size, bool checksum) {
  if (!checksum) {
    std::memcpy(to, from, size);
    return 0;
  }
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  for (; size >= 16; size -= 16, from += 16, to += 16) {
    std::uint32_t w[4];
    std::memcpy(w, from, 16);
    std::memcpy(to, w, 16);
    a += w[0];
    b += w[1];
    c += w[2];
    d += w[3];
  }
  std::memcpy(to, from, size);
  return a + b + c + d + sum_of(from, size);
}

struct Slot {
  std::uint32_t payload_bytes = 0;
  std::vector<std::byte> bytes;
};

struct Flow {
  std::uint64_t key = 0;
  std::uint32_t snd_nxt = 1, rcv_nxt = 1, timestamp_recent = 0, segments_since_ack = 0;
};

class Floor {
 public:
  explicit Floor(const FloorOptions& options) : options_(options), table_(1024) {
    const std::size_t count = options.in_flight_bytes / options.segment_bytes + 2;
    slots_.resize(count);
    for (Slot& slot : slots_) slot.bytes.resize(kHeaders + options.segment_bytes);
    ack_.bytes.resize(kHeaders);
    table_[hash(kKey)] = {kKey, 1, 1, 0, 0};
  }

  std::size_t slots() const { return slots_.size(); }

  void send(std::size_t index, const std::byte* data, std::size_t size) {
    Slot& slot = slots_[index];
    Flow& flow = look_up(kKey);
    const std::uint64_t sum = copy_and_sum(slot.bytes.data() + kHeaders, data, size, options_.checksum);
    slot.payload_bytes = static_cast<std::uint32_t>(size);
    write_headers(slot, flow.snd_nxt, flow.rcv_nxt, sum);
    flow.snd_nxt += slot.payload_bytes;
  }

  // Parse, verify, look up, accept in order; true when an ACK was sent and processed.
  bool receive(std::size_t index, std::byte* out) {
    Slot& slot = slots_[index];
    const std::uint32_t seq = parse(slot);
    Flow& flow = look_up(kKey);
    if (seq != flow.rcv_nxt) __builtin_trap();
    flow.rcv_nxt += slot.payload_bytes;
    std::memcpy(out, slot.bytes.data() + kHeaders, slot.payload_bytes);
    if (++flow.segments_since_ack < 2) return false;
    flow.segments_since_ack = 0;
    ack_.payload_bytes = 0;
    write_headers(ack_, flow.snd_nxt, flow.rcv_nxt, 0);
    (void)parse(ack_);
    return true;
  }

 private:
  static constexpr std::uint64_t kKey = 0x0a0000010a000002;
  static std::size_t hash(std::uint64_t key) { return (key * 0x9e3779b97f4a7c15U) >> 54; }
  Flow& look_up(std::uint64_t key) {
    std::size_t at = hash(key);
    while (table_[at].key != key) at = (at + 1) % table_.size();
    return table_[at];
  }

  void write_headers(Slot& slot, std::uint32_t seq, std::uint32_t ack, std::uint64_t payload_sum) {
    std::byte* ip = slot.bytes.data();
    const auto put16 = [](std::byte* at, std::uint32_t value) {
      const std::uint16_t big = __builtin_bswap16(static_cast<std::uint16_t>(value));
      std::memcpy(at, &big, 2);
    };
    const auto put32 = [](std::byte* at, std::uint32_t value) {
      const std::uint32_t big = __builtin_bswap32(value);
      std::memcpy(at, &big, 4);
    };
    put16(ip, 0x4500);
    put16(ip + 2, static_cast<std::uint32_t>(kHeaders + slot.payload_bytes));
    put32(ip + 4, ++ip_id_ << 16 | 0x4000);
    put32(ip + 8, 0x40060000);
    put32(ip + 12, 0x0a000001);
    put32(ip + 16, 0x0a000002);
    std::byte* tcp = ip + 20;
    put32(tcp, 40000u << 16 | 8080u);
    put32(tcp + 4, seq);
    put32(tcp + 8, ack);
    put32(tcp + 12, 0x8018ffff);
    put32(tcp + 16, 0);
    put32(tcp + 20, 0x0101080a);
    put32(tcp + 24, ++timestamp_);
    put32(tcp + 28, timestamp_);
    if (!options_.checksum) return;
    const std::uint16_t ip_sum = static_cast<std::uint16_t>(~fold(sum_of(ip, 20)));
    std::memcpy(ip + 10, &ip_sum, 2);
    const std::uint64_t pseudo =
        sum_of(ip + 12, 8) + 0x0600 + __builtin_bswap16(static_cast<std::uint16_t>(32 + slot.payload_bytes));
    const std::uint16_t tcp_sum = static_cast<std::uint16_t>(~fold(pseudo + sum_of(tcp, 32) + payload_sum));
    std::memcpy(tcp + 16, &tcp_sum, 2);
  }

  std::uint32_t parse(const Slot& slot) const {
    const std::byte* ip = slot.bytes.data();
    if (ip[0] != std::byte{0x45} || ip[9] != std::byte{6}) __builtin_trap();
    const std::byte* tcp = ip + 20;
    if (options_.checksum) {
      if (fold(sum_of(ip, 20)) != 0xffff) __builtin_trap();
      const std::uint64_t pseudo = sum_of(ip + 12, 8) + 0x0600 +
                                   __builtin_bswap16(static_cast<std::uint16_t>(32 + slot.payload_bytes));
      if (fold(pseudo + sum_of(tcp, 32 + slot.payload_bytes)) != 0xffff) __builtin_trap();
    }
    std::uint32_t seq;
    std::memcpy(&seq, tcp + 4, 4);
    return __builtin_bswap32(seq);
  }

  FloorOptions options_;
  std::vector<Flow> table_;
  std::vector<Slot> slots_;
  Slot ack_;
  std::uint32_t ip_id_ = 0, timestamp_ = 0;
};

}  // namespace

double floor_bulk(const FloorOptions& options, Effort&& effort) {
  Floor floor(options);
  // The program's buffers: as large as what is in flight, walked from end to end.
  const std::size_t size = options.segment_bytes;
  std::vector<std::byte> in(floor.slots() * size, std::byte{7}), out(floor.slots() * size);
  std::uint64_t bytes = 0;
  while (effort.goes_on(bytes / size)) {
    for (int burst = 0; burst < 64; ++burst) {
      for (std::size_t i = 0; i < floor.slots(); ++i) floor.send(i, in.data() + i * size, size);
      for (std::size_t i = 0; i < floor.slots(); ++i) floor.receive(i, out.data() + i * size);
      bytes += in.size();
    }
  }
  return static_cast<double>(bytes) * 8e-9 / effort.elapsed();
}

double floor_round_trip_ns(const FloorOptions& options, Effort&& effort) {
  FloorOptions roomy = options;
  const std::size_t size = options.segment_bytes;
  roomy.segment_bytes = std::max<std::size_t>(size, 64);
  Floor there(roomy), back(roomy);
  std::vector<std::byte> ping(size, std::byte{1}), pong(size, std::byte{2});
  std::uint64_t trips = 0;
  while (effort.goes_on(trips)) {
    for (int i = 0; i < 4096; ++i) {
      there.send(0, ping.data(), size);
      there.receive(0, pong.data());
      back.send(0, pong.data(), size);
      back.receive(0, ping.data());
    }
    trips += 4096;
  }
  return effort.elapsed() * 1e9 / static_cast<double>(trips);
}

}  // namespace sockeye::bench

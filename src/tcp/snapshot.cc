// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a snapshot: one list of fields, walked by a writer and by a reader. Numbers are big
// endian and as wide as their type, a byte string has its length in front, durations are nanoseconds.
#include "tcp/snapshot.h"

#include <algorithm>
#include <type_traits>

#include "tcp/negotiation.h"
#include "tcp/signature.h"
#include "tcp/urgent.h"

namespace sockeye::tcp {
namespace {

constexpr std::uint32_t kMagic = 0x534b5443;  // "SKTC"
constexpr std::uint16_t kVersion = 3;
constexpr std::uint32_t kBufferMax = 1u << 30;  // RFC 7323 2.3: no window is larger

class FieldWriter {
 public:
  explicit FieldWriter(std::vector<std::byte>& out) : out_(out) {}
  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void operator()(const T& field) {
    const auto value = static_cast<std::uint64_t>(field);
    for (std::size_t i = sizeof(T); i-- > 0;) out_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
  }
  void operator()(const SeqNum& field) { (*this)(field.value()); }
  void operator()(const Duration& field) { (*this)(static_cast<std::uint64_t>(to_ns(field))); }
  void operator()(const IpAddress& field) {
    for (const std::uint8_t byte : field.bytes()) (*this)(byte);
  }
  void operator()(const std::vector<std::byte>& field) {
    (*this)(static_cast<std::uint32_t>(field.size()));
    out_.insert(out_.end(), field.begin(), field.end());
  }

 private:
  std::vector<std::byte>& out_;
};

class FieldReader {
 public:
  explicit FieldReader(Bytes bytes) : reader_(bytes) {}
  bool is_done() const { return reader_.ok() && reader_.left() == 0; }
  bool ok() const { return reader_.ok(); }

  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void operator()(T& field) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | reader_.u8();
    field = static_cast<T>(value);
  }
  void operator()(SeqNum& field) { field = SeqNum(reader_.u32()); }
  void operator()(Duration& field) {
    std::uint64_t ns = 0;
    (*this)(ns);
    field = Duration(static_cast<std::int64_t>(ns));
  }
  void operator()(IpAddress& field) {
    std::array<std::uint8_t, 16> bytes{};
    for (std::uint8_t& byte : bytes) byte = reader_.u8();
    field = IpAddress::v6(bytes);
  }
  void operator()(std::vector<std::byte>& field) {
    const std::uint32_t size = reader_.u32();
    const Bytes bytes = reader_.bytes(size);
    field.assign(bytes.begin(), bytes.end());
  }

 private:
  ByteReader reader_;
};

template <class Walker, class S>
void walk_settings(Walker& field, S& s) {
  field(s.keepalive_idle), field(s.keepalive_interval), field(s.user_timeout), field(s.linger2);
  field(s.keepalive_count), field(s.syn_retries);
  field(s.receive_buffer), field(s.send_buffer), field(s.receive_low_water), field(s.notsent_low_water);
  field(s.window_clamp), field(s.max_segment);
  field(s.nodelay), field(s.cork), field(s.keepalive), field(s.oob_inline), field(s.quick_ack_off);
  field(s.receive_buffer_locked), field(s.send_buffer_locked);
  field(s.max_pacing_rate), field(s.fast_open_no_cookie);
  for (auto& letter : s.congestion_control) field(letter);
}

template <class Walker, class S>
void walk(Walker& field, S& s) {
  field(s.tuple.local.address), field(s.tuple.local.port);
  field(s.tuple.remote.address), field(s.tuple.remote.port);
  field(s.state);
  walk_settings(field, s.settings);
  field(s.is_passive), field(s.is_read_shut), field(s.is_write_shut), field(s.is_orphan);
  field(s.snd_iss), field(s.snd_una), field(s.snd_nxt), field(s.snd_wl1), field(s.snd_wl2);
  field(s.snd_wnd), field(s.snd_wnd_max), field(s.snd_limit), field(s.unacked);
  field(s.rcv_irs), field(s.rcv_nxt), field(s.rcv_edge), field(s.rcv_limit), field(s.rcv_mss),
      field(s.unread);
  field(s.peer_mss), field(s.peer_window_scale), field(s.our_window_scale);
  field(s.scaled), field(s.sack), field(s.timestamps), field(s.timestamp_recent), field(s.timestamp_now);
  field(s.ecn_bits);
  AccEcn::walk(field, s.accurate_ecn);
  field(s.syn_data_acked), field(s.fast_open_failure);
  field(s.has_asked_key), field(s.asked_key);
  field(s.bytes_sent), field(s.bytes_received), field(s.bytes_retransmitted), field(s.retransmits);
  field(s.srtt), field(s.cwnd), field(s.ssthresh);
  for (auto& word : s.congestion_memory) field(word);
  field(s.has_urgent_sent), field(s.urgent_sent), field(s.urgent_state), field(s.urgent_value);
  field(s.urgent_at);
}

template <class Walker, class Key>
void walk_key(Walker& field, Key& key) {
  field(key.peer), field(key.prefix), field(key.size);
  for (auto& byte : key.secret) field(byte);
}
template <class Walker, class Key>
void walk_ao_key(Walker& field, Key& key) {
  walk_key(field, key);
  field(key.send_id), field(key.receive_id), field(key.algorithm), field(key.code_bytes);
  field(key.excludes_options);
  field(key.counters.good), field(key.counters.bad);
}
template <class Walker, class Ring>
void walk_ao_flags(Walker& field, Ring& keys) {
  field(keys.has_ao_info), field(keys.ao_required), field(keys.ao_accepts_icmp);
  auto& count = keys.ao_counters;
  field(count.good), field(count.bad), field(count.key_not_found), field(count.required);
  field(count.dropped_icmp);
}

// The keys of a signed connection: how many, and each; nothing but a zero for all others.
void write_keys(FieldWriter& field, const KeyRing* keys) {
  field(keys != nullptr);
  if (keys == nullptr) return;
  field(static_cast<std::uint32_t>(keys->md5_keys().size()));
  for (const Md5Key& key : keys->md5_keys()) walk_key(field, key);
  field(static_cast<std::uint32_t>(keys->ao_keys().size()));
  for (const AoKey& key : keys->ao_keys()) walk_ao_key(field, key);
  for (const auto& id : {keys->ao_current, keys->ao_next}) {
    field(id.has_value());
    field(id.value_or(0));
  }
  walk_ao_flags(field, *keys);
}

bool fits(std::uint8_t size, std::uint8_t prefix) {
  return size <= Md5Key::kBytesMax && prefix <= 128;
}

// False: no key that setsockopt() would have taken.
bool read_ring(FieldReader& field, KeyRing& keys) {
  std::uint32_t count = 0;
  field(count);
  for (; count > 0 && field.ok(); --count) {
    Md5Key key;
    walk_key(field, key);
    if (!fits(key.size, key.prefix)) return false;
    keys.set(key);
  }
  field(count);
  for (; count > 0 && field.ok(); --count) {
    AoKey key;
    walk_ao_key(field, key);
    const bool is_known = key.algorithm <= AoKey::Algorithm::aes_cmac;
    if (!fits(key.size, key.prefix) || !is_known || key.code_bytes > 20 || !keys.add(key)) return false;
  }
  for (auto* id : {&keys.ao_current, &keys.ao_next}) {
    bool has = false;
    std::uint8_t value = 0;
    field(has), field(value);
    if (has) *id = value;
  }
  walk_ao_flags(field, keys);
  return field.ok();
}

bool read_keys(FieldReader& field, Settings& settings) {
  bool is_signed = false;
  field(is_signed);
  if (!is_signed) return true;
  auto keys = std::make_shared<KeyRing>();
  if (!read_ring(field, *keys)) return false;
  settings.keys = std::move(keys);
  return true;
}

// What a restored connection relies on; the bytes may come from anywhere.
bool is_consistent(const Snapshot& s) {
  const bool known_state = static_cast<std::size_t>(s.state) < kStates;
  if (!known_state || !is_synchronized(s.state) || s.state == State::time_wait) return false;
  if (s.unacked.size() > kBufferMax || s.unread.size() > kBufferMax || s.snd_limit > kBufferMax ||
      s.rcv_limit > kBufferMax)
    return false;
  const bool fin_queued = s.state != State::established && s.state != State::close_wait;
  const std::uint32_t flight = distance(s.snd_una, s.snd_nxt);
  if (flight > s.unacked.size() + (fin_queued ? 1u : 0u)) return false;
  if (s.state == State::fin_wait_2 && (flight != 0 || !s.unacked.empty())) return false;
  if (fin_queued && !s.is_write_shut) return false;
  if (s.rcv_edge - s.rcv_nxt > static_cast<std::int32_t>(kBufferMax)) return false;
  if (s.peer_window_scale > kWindowScaleMax || s.our_window_scale > kWindowScaleMax) return false;
  if (s.srtt < Duration::zero() || s.srtt > 3600s || s.peer_mss == 0 || s.rcv_mss == 0) return false;
  if ((s.ecn_bits & 17) == 17 || s.fast_open_failure > 3) return false;  // one kind of ECN
  if (s.urgent_state > static_cast<std::uint8_t>(Urgent::Byte::read)) return false;
  if (s.settings.congestion_control[sizeof s.settings.congestion_control - 1] != '\0') return false;
  return s.tuple.local.port != 0 && s.tuple.remote.port != 0 &&
         s.tuple.local.address.is_v4() == s.tuple.remote.address.is_v4();
}

}  // namespace

std::vector<std::byte> to_bytes(const Snapshot& snapshot) {
  std::vector<std::byte> out;
  out.reserve(512 + snapshot.unacked.size() + snapshot.unread.size());
  FieldWriter field(out);
  field(kMagic), field(kVersion);
  walk(field, snapshot);
  write_keys(field, snapshot.settings.keys.get());
  return out;
}

std::optional<Snapshot> snapshot_from_bytes(Bytes bytes) {
  FieldReader field(bytes);
  std::uint32_t magic = 0;
  std::uint16_t version = 0;
  field(magic), field(version);
  if (!field.ok() || magic != kMagic || version != kVersion) return std::nullopt;
  Snapshot snapshot;
  walk(field, snapshot);
  if (!read_keys(field, snapshot.settings)) return std::nullopt;
  if (!field.is_done() || !is_consistent(snapshot)) return std::nullopt;
  return snapshot;
}

}  // namespace sockeye::tcp

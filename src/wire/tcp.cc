// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "wire/tcp.h"

#include <algorithm>
#include <cstring>

#include "core/assert.h"

namespace sockeye {
namespace {

enum OptionKind : std::uint8_t {
  kEnd = 0,
  kNop = 1,
  kMss = 2,
  kWindowScale = 3,
  kSackPermitted = 4,
  kSack = 5,
  kTimestamps = 8,
  kFastOpen = 34,
  kMd5 = 19,
  kAo = 29,
  kAccEcn0 = 172,
  kAccEcn1 = 174,
  kExperiment = 254,
};
constexpr std::uint16_t kFastOpenExperiment = 0xf989;

void read_cookie(Bytes body, bool is_experimental, TcpOptions& options) {
  const bool is_cookie = body.size() >= 4 && body.size() <= 16 && body.size() % 2 == 0;
  if (!is_cookie && !body.empty()) return;
  FastOpenCookie& cookie = options.fast_open.emplace();
  cookie.size = static_cast<std::uint8_t>(body.size());
  cookie.is_experimental = is_experimental;
  std::copy(body.begin(), body.end(), cookie.bytes.begin());
}

void read_accurate_ecn(bool ect1_first, Bytes body, TcpOptions& options) {
  AccEcnOption& option = options.accurate_ecn.emplace();
  option.ect1_first = ect1_first;
  for (; option.count < body.size() / 3; ++option.count) {
    const std::byte* at = body.data() + 3 * std::size_t{option.count};
    option.bytes[option.count] = std::uint32_t{load8(at)} << 16 | load16(at + 1);
  }
}

// `body` is what follows kind and length. A wrong length leaves the option out (hostile.md D4); of an
// option that comes twice the last one counts, as in Linux (D5).
void read_option(std::uint8_t kind, Bytes body, TcpOptions& options) {
  switch (kind) {
    case kMss:
      if (body.size() == 2) options.mss = load16(body.data());
      break;
    case kWindowScale:
      if (body.size() == 1) options.window_scale = load8(body.data());
      break;
    case kSackPermitted:
      if (body.empty()) options.sack_permitted = true;
      break;
    case kTimestamps:
      if (body.size() == 8) options.timestamps = TcpTimestamps{load32(body.data()), load32(body.data() + 4)};
      break;
    case kSack:
      if (body.empty() || body.size() % 8 != 0) break;
      options.sack_count = static_cast<std::uint8_t>(std::min<std::size_t>(body.size() / 8, 4));
      for (std::size_t i = 0; i < options.sack_count; ++i)
        options.sack[i] = {SeqNum(load32(body.data() + 8 * i)), SeqNum(load32(body.data() + 8 * i + 4))};
      break;
    case kFastOpen:
      read_cookie(body, false, options);
      break;
    case kExperiment:
      if (body.size() >= 2 && load16(body.data()) == kFastOpenExperiment)
        read_cookie(body.subspan(2), true, options);
      break;
    case kAccEcn0:
    case kAccEcn1:
      if (body.size() % 3 == 0 && body.size() <= 9) read_accurate_ecn(kind == kAccEcn1, body, options);
      break;
    default:
      break;
  }
}

// `option` is all of it, and stands `at` bytes into the header. Two of them contradict each other.
void read_signature(Bytes option, std::uint8_t at, TcpSignature& signature) {
  const std::uint8_t kind = load8(option.data());
  const auto size = static_cast<std::uint8_t>(option.size());
  if (kind == kMd5 ? size != TcpSignature::kMd5Bytes : size < 4) return;
  if (signature.kind != TcpSignature::Kind::none) {
    signature.kind = TcpSignature::Kind::several;
    return;
  }
  signature.kind = static_cast<TcpSignature::Kind>(kind);
  signature.bytes = size;
  signature.at = at;
  if (kind != kAo) return;
  signature.key_id = load8(option.data() + 2);
  signature.next_key_id = load8(option.data() + 3);
}

// RFC 9293 3.1 MUST-4, MUST-5, MUST-6, MUST-7, MUST-68
// RFC 9293 3.2 MUST-64
[[gnu::noinline]] void read_options(Bytes bytes, TcpOptions& options) {
  const std::byte* begin = bytes.data();
  while (!bytes.empty()) {
    const std::uint8_t kind = load8(bytes.data());
    if (kind == kEnd) return;
    if (kind == kNop) {
      bytes = bytes.subspan(1);
      continue;
    }
    if (bytes.size() < 2) return;
    const std::uint8_t length = load8(bytes.data() + 1);
    if (length < 2 || length > bytes.size()) return;
    if (kind == kMd5 || kind == kAo)
      read_signature(
          bytes.first(length),
          static_cast<std::uint8_t>(kTcpHeaderMin + static_cast<std::uint32_t>(bytes.data() - begin)),
          options.signature);
    else
      read_option(kind, bytes.subspan(2, length - 2u), options);
    bytes = bytes.subspan(length);
  }
}

// nop nop timestamps: what nearly every segment carries.
constexpr std::uint32_t kPaddedTimestamps = 0x0101080a;

bool has_only_timestamps(const TcpOptions& options) {
  return !options.mss && !options.window_scale && !options.sack_permitted && !options.fast_open &&
         options.signature.kind == TcpSignature::Kind::none && options.sack_count == 0 &&
         !options.accurate_ecn;
}

// How many SACK blocks fit behind `used` bytes of other options. RFC 2018 3 MUST-2; RFC 2018 4 SHLD-3
std::uint32_t sack_blocks_that_fit(const TcpOptions& options, std::uint32_t used) {
  const std::uint32_t room = kTcpHeaderMax - kTcpHeaderMin - used;
  if (options.sack_count == 0 || room < 12) return 0;
  return std::min<std::uint32_t>(options.sack_count, (room - 4) / 8);
}

std::uint32_t padded_cookie(const FastOpenCookie& cookie) {
  return (cookie.size + (cookie.is_experimental ? 7u : 5u)) / 4 * 4;
}

std::uint32_t option_bytes_before_sack(const TcpOptions& options) {
  return (options.mss ? 4u : 0u) + (options.timestamps ? 12u : 0u) +
         (options.sack_permitted && !options.timestamps ? 4u : 0u) + (options.window_scale ? 4u : 0u) +
         (options.fast_open ? padded_cookie(*options.fast_open) : 0u) + options.signature.padded();
}

std::uint32_t option_bytes_with_sack(const TcpOptions& options) {
  const std::uint32_t before = option_bytes_before_sack(options);
  const std::uint32_t blocks = sack_blocks_that_fit(options, before);
  return before + (blocks == 0 ? 0 : 4 + 8 * blocks);
}

bool has_room_for_accurate_ecn(const TcpOptions& options) {
  return options.accurate_ecn && options.accurate_ecn->padded() <= tcp_option_room(options);
}

void write_accurate_ecn(const AccEcnOption& option, ByteWriter& out) {
  out.u8(option.ect1_first ? kAccEcn1 : kAccEcn0);
  out.u8(static_cast<std::uint8_t>(2 + 3 * option.count));
  for (std::size_t i = 0; i < option.count; ++i) {
    out.u8(static_cast<std::uint8_t>(option.bytes[i] >> 16));
    out.u16(static_cast<std::uint16_t>(option.bytes[i]));
  }
  for (std::uint32_t i = 2 + 3u * option.count; i < option.padded(); ++i) out.u8(kNop);
}

void write_sack(const TcpOptions& options, std::uint32_t blocks, ByteWriter& out) {
  out.u16(kNop << 8 | kNop);
  out.u8(kSack);
  out.u8(static_cast<std::uint8_t>(2 + 8 * blocks));
  for (std::size_t i = 0; i < blocks; ++i) {
    out.u32(options.sack[i].begin.value());
    out.u32(options.sack[i].end.value());
  }
}

void write_signature(const TcpSignature& signature, ByteWriter& out) {
  const bool is_md5 = signature.kind == TcpSignature::Kind::md5;
  if (is_md5) out.u16(kNop << 8 | kNop);
  out.u8(static_cast<std::uint8_t>(signature.kind));
  out.u8(signature.bytes);
  if (!is_md5) {
    out.u8(signature.key_id);
    out.u8(signature.next_key_id);
  }
  for (std::uint32_t i = is_md5 ? 2 : 4; i < signature.bytes; ++i) out.u8(0);
  for (std::uint32_t i = signature.bytes; !is_md5 && i < signature.padded(); ++i) out.u8(kNop);
}

// Every group is padded to a multiple of four with no-operations, so no end of list is needed.
// RFC 9293 3.1 MUST-69
void write_options(const TcpOptions& options, ByteWriter& out) {
  if (options.signature.kind != TcpSignature::Kind::none) write_signature(options.signature, out);
  if (options.mss) {
    out.u16(kMss << 8 | 4);
    out.u16(*options.mss);
  }
  if (options.timestamps) {
    out.u16(options.sack_permitted ? kSackPermitted << 8 | 2 : kNop << 8 | kNop);
    out.u16(kTimestamps << 8 | 10);
    out.u32(options.timestamps->value);
    out.u32(options.timestamps->echo);
  } else if (options.sack_permitted) {
    out.u32(kNop << 24 | kNop << 16 | kSackPermitted << 8 | 2);
  }
  if (options.window_scale) {
    out.u16(kNop << 8 | kWindowScale);
    out.u8(3);
    out.u8(*options.window_scale);
  }
  if (options.fast_open) {
    const FastOpenCookie& cookie = *options.fast_open;
    const std::uint32_t bytes = (cookie.is_experimental ? 4u : 2u) + cookie.size;
    out.u8(cookie.is_experimental ? kExperiment : kFastOpen);
    out.u8(static_cast<std::uint8_t>(bytes));
    if (cookie.is_experimental) out.u16(kFastOpenExperiment);
    for (std::size_t i = 0; i < cookie.size; ++i) out.u8(std::to_integer<std::uint8_t>(cookie.bytes[i]));
    if (bytes % 4 != 0) out.u16(kNop << 8 | kNop);
  }
  const std::uint32_t blocks = sack_blocks_that_fit(options, option_bytes_before_sack(options));
  if (blocks > 0) write_sack(options, blocks, out);
  if (has_room_for_accurate_ecn(options)) write_accurate_ecn(*options.accurate_ecn, out);
}

std::uint8_t flags_to_byte(const TcpFlags& flags) {
  const unsigned byte = static_cast<unsigned>(flags.fin) | static_cast<unsigned>(flags.syn) << 1 |
                        static_cast<unsigned>(flags.rst) << 2 | static_cast<unsigned>(flags.psh) << 3 |
                        static_cast<unsigned>(flags.ack) << 4 | static_cast<unsigned>(flags.urg) << 5 |
                        static_cast<unsigned>(flags.ece) << 6 | static_cast<unsigned>(flags.cwr) << 7;
  return static_cast<std::uint8_t>(byte);
}

// Eight flags in one load instead of eight shifts.
constexpr std::array<TcpFlags, 256> kFlags = [] {
  std::array<TcpFlags, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte)
    table[byte] = {.fin = (byte & 0x01) != 0,
                   .syn = (byte & 0x02) != 0,
                   .rst = (byte & 0x04) != 0,
                   .psh = (byte & 0x08) != 0,
                   .ack = (byte & 0x10) != 0,
                   .urg = (byte & 0x20) != 0,
                   .ece = (byte & 0x40) != 0,
                   .cwr = (byte & 0x80) != 0};
  return table;
}();

}  // namespace

std::uint32_t tcp_header_bytes(Bytes first20) {
  if (first20.size() < kTcpHeaderMin) return 0;
  const std::uint32_t bytes = (load8(first20.data() + 12) >> 4) * 4u;
  return bytes < kTcpHeaderMin ? 0 : bytes;
}

std::optional<TcpHeader> parse_tcp(Bytes header) {
  std::optional<TcpHeader> parsed(std::in_place);
  if (!parse_tcp(header, *parsed)) parsed.reset();
  return parsed;
}

bool parse_tcp(Bytes header, TcpHeader& result) {
  if (header.size() < kTcpHeaderMin || tcp_header_bytes(header) != header.size()) return false;
  const std::byte* at = header.data();
  result.source_port = load16(at);
  result.destination_port = load16(at + 2);
  result.seq = SeqNum(load32(at + 4));
  result.ack = SeqNum(load32(at + 8));
  result.flags = kFlags[load8(at + 13)];
  result.flags.ae = (load8(at + 12) & 1) != 0;
  result.window = load16(at + 14);
  result.urgent_pointer = load16(at + 18);
  if (header.size() == kTcpHeaderMin) return true;
  // What nearly every segment carries: nop nop timestamps, nothing else.
  if (header.size() == kTcpHeaderMin + 12 && load32(at + 20) == kPaddedTimestamps)
    result.options.timestamps = TcpTimestamps{load32(at + 24), load32(at + 28)};
  else
    read_options(header.subspan(kTcpHeaderMin), result.options);
  return true;
}

std::uint32_t tcp_option_room(const TcpOptions& options) {
  return kTcpHeaderMax - kTcpHeaderMin - option_bytes_with_sack(options);
}

std::uint32_t tcp_emit_size(const TcpHeader& header) {
  if (has_only_timestamps(header.options)) return kTcpHeaderMin + (header.options.timestamps ? 12 : 0);
  const std::uint32_t accurate_ecn =
      has_room_for_accurate_ecn(header.options) ? header.options.accurate_ecn->padded() : 0;
  return kTcpHeaderMin + option_bytes_with_sack(header.options) + accurate_ecn;
}

// By words of the checksum that is soon made of them: one that is read again before narrower stores have left
// the store buffer waits for it.
void emit_tcp(const TcpHeader& header, MutableBytes out) {
  SOCKEYE_ASSERT(out.size() >= kTcpHeaderMin);
  std::byte* at = out.data();
  const std::uint64_t offset = out.size() / 4 << 4 | (header.flags.ae ? 1u : 0u);
  store64(at, std::uint64_t{header.source_port} << 48 | std::uint64_t{header.destination_port} << 32 |
                  header.seq.value());
  store64(at + 8, std::uint64_t{header.ack.value()} << 32 | offset << 24 |
                      std::uint64_t{flags_to_byte(header.flags)} << 16 | header.window);
  if (out.size() == kTcpHeaderMin + 12 && header.options.timestamps && has_only_timestamps(header.options)) {
    store64(at + 16, std::uint64_t{header.urgent_pointer} << 32 | kPaddedTimestamps);
    store64(at + 24, std::uint64_t{header.options.timestamps->value} << 32 | header.options.timestamps->echo);
    return;
  }
  store32(at + 16, header.urgent_pointer);  // and a checksum of zero
  if (out.size() == kTcpHeaderMin) return;
  ByteWriter writer(out.subspan(kTcpHeaderMin));
  write_options(header.options, writer);
  SOCKEYE_ASSERT(writer.ok() && writer.size() + kTcpHeaderMin == out.size());
}

}  // namespace sockeye

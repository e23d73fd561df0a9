// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "wire/dns.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sockeye::dns {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kNameMax = 255;  // RFC 1035 2.3.4, length bytes included
constexpr std::size_t kLabelMax = 63;
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kAuthoritative = 0x0400;
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

void append_label_text(std::string& text, Bytes label) {
  if (!text.empty()) text += '.';
  for (const std::byte byte : label) {
    const auto value = std::to_integer<unsigned>(byte);
    const char c = static_cast<char>(value);
    if (c == '.' || c == '\\') {
      text += '\\';
      text += c;
    } else if (value > 0x20 && value < 0x7f) {
      text += c;
    } else {
      text += '\\';
      text += static_cast<char>('0' + value / 100);
      text += static_cast<char>('0' + value / 10 % 10);
      text += static_cast<char>('0' + value % 10);
    }
  }
}

// A cursor over a whole message; names may refer back into it.
class MessageReader {
 public:
  explicit MessageReader(Bytes message) : message_(message) {}

  bool ok() const { return ok_; }
  std::size_t position() const { return at_; }
  std::size_t left() const { return message_.size() - at_; }
  std::uint16_t u16() { return has(2) ? load16(take(2)) : std::uint16_t{0}; }
  std::uint32_t u32() { return has(4) ? load32(take(4)) : 0u; }
  Bytes bytes(std::size_t count) { return has(count) ? Bytes(take(count), count) : Bytes(); }

  std::string name() {
    std::string text;
    std::size_t cursor = at_;
    std::size_t after = 0;            // where reading goes on after the first pointer
    std::size_t pointer_limit = at_;  // pointers must point below this, and lower each time
    std::size_t wire_bytes = 1;
    for (;;) {
      if (cursor >= message_.size()) return fail();
      const std::size_t length = load8(&message_[cursor]);
      if (length == 0) break;
      if ((length & 0xc0) == 0xc0) {
        if (cursor + 2 > message_.size()) return fail();
        const std::size_t target = load16(&message_[cursor]) & 0x3fffU;
        if (target >= pointer_limit || target < kHeaderBytes) return fail();
        if (after == 0) after = cursor + 2;
        pointer_limit = target;
        cursor = target;
        continue;
      }
      wire_bytes += length + 1;
      if (length > kLabelMax || wire_bytes > kNameMax) return fail();
      if (cursor + 1 + length > message_.size()) return fail();
      append_label_text(text, message_.subspan(cursor + 1, length));
      cursor += 1 + length;
    }
    at_ = after != 0 ? after : cursor + 1;
    return text;
  }

 private:
  bool has(std::size_t count) {
    if (left() < count) ok_ = false;
    return ok_;
  }
  const std::byte* take(std::size_t count) {
    const std::byte* at = message_.data() + at_;
    at_ += count;
    return at;
  }
  std::string fail() {
    ok_ = false;
    return {};
  }

  Bytes message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

struct Counts {
  std::uint16_t questions, answers, authority, additional;
};

Counts read_counts(MessageReader& reader) {
  Counts counts{};
  counts.questions = reader.u16();
  counts.answers = reader.u16();
  counts.authority = reader.u16();
  counts.additional = reader.u16();
  return counts;
}

// The additional section of a query: an OPT record, and others that are skipped by their length.
Code read_additional(MessageReader& reader, std::uint16_t count, Query& query) {
  Code code = Code::no_error;
  for (unsigned i = 0; i < count; ++i) {
    const std::string owner = reader.name();
    const auto type = static_cast<Type>(reader.u16());
    const std::uint16_t rr_class = reader.u16();
    const std::uint32_t ttl = reader.u32();
    reader.bytes(reader.u16());
    if (!reader.ok()) return Code::format_error;
    if (type != Type::opt) continue;
    if (query.edns_size || !owner.empty()) return Code::format_error;  // RFC 6891 6.1.1: one, at the root
    query.edns_size = rr_class;
    if ((ttl >> 16 & 0xff) != 0) code = Code::bad_version;
  }
  return code;
}

// One label's text to bytes. False: a bad escape, an empty or too long label.
bool read_label(std::string_view text, std::size_t& at, std::vector<std::byte>& label) {
  label.clear();
  for (; at < text.size() && text[at] != '.'; ++at) {
    if (text[at] != '\\') {
      label.push_back(static_cast<std::byte>(text[at]));
      continue;
    }
    if (++at >= text.size()) return false;
    if (text[at] < '0' || text[at] > '9') {
      label.push_back(static_cast<std::byte>(text[at]));
      continue;
    }
    if (at + 2 >= text.size()) return false;
    unsigned value = 0;
    for (std::size_t digit = 0; digit < 3; ++digit) {
      const char c = text[at + digit];
      if (c < '0' || c > '9') return false;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value > 255) return false;
    label.push_back(static_cast<std::byte>(value));
    at += 2;
  }
  return !label.empty() && label.size() <= kLabelMax;
}

// The wire form without compression; empty when the text is no name.
std::vector<std::byte> wire_name(std::string_view text) {
  std::vector<std::byte> wire;
  std::vector<std::byte> label;
  for (std::size_t at = 0; at < text.size();) {
    if (!read_label(text, at, label)) return {};
    wire.push_back(static_cast<std::byte>(label.size()));
    wire.insert(wire.end(), label.begin(), label.end());
    if (at < text.size()) ++at;  // the dot; one at the very end is allowed
  }
  wire.push_back(std::byte{0});
  if (wire.size() > kNameMax) return {};
  return wire;
}

class MessageWriter {
 public:
  void u16(std::uint32_t value) {
    out_.push_back(static_cast<std::byte>(value >> 8 & 0xff));
    out_.push_back(static_cast<std::byte>(value & 0xff));
  }
  void u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value & 0xffff);
  }
  void bytes(Bytes from) { out_.insert(out_.end(), from.begin(), from.end()); }
  std::size_t size() const { return out_.size(); }
  std::vector<std::byte> take() { return std::move(out_); }

  void patch16(std::size_t at, std::uint32_t value) {
    store16(out_.data() + at, static_cast<std::uint16_t>(value));
  }

 private:
  std::vector<std::byte> out_;
};

constexpr std::size_t kOptBytes = 11;

std::vector<std::byte> opt_record(std::size_t size, Code code) {
  std::vector<std::byte> record(kOptBytes, std::byte{0});  // the owner is the root: one zero byte
  store16(&record[1], static_cast<std::uint16_t>(Type::opt));
  store16(&record[3], static_cast<std::uint16_t>(size));
  store8(&record[5], static_cast<std::uint8_t>(static_cast<unsigned>(code) >> 4));  // extended RCODE
  return record;
}

// The bytes of one record, its name a pointer to the question where they are the same; empty when
// it cannot be written.
std::vector<std::byte> wire_record(const Record& record, const Query& query) {
  MessageWriter writer;
  if (same_name(record.name, query.name) && !query.name.empty()) {
    writer.u16(0xc000 | kHeaderBytes);
  } else {
    const auto owner = wire_name(record.name);
    if (owner.empty()) return {};
    writer.bytes(owner);
  }
  writer.u16(static_cast<std::uint16_t>(record.type));
  writer.u16(kClassIn);
  writer.u32(record.ttl);
  const auto address = std::as_bytes(std::span(record.address.bytes()));
  switch (record.type) {
    case Type::a:
      if (!record.address.is_v4()) return {};
      writer.u16(4);
      writer.bytes(address.subspan(12));
      break;
    case Type::aaaa:
      if (!record.address.is_v6()) return {};
      writer.u16(16);
      writer.bytes(address);
      break;
    case Type::ptr:
    case Type::cname:
    case Type::ns: {
      const auto target = wire_name(record.target);
      if (target.empty()) return {};
      writer.u16(static_cast<std::uint32_t>(target.size()));
      writer.bytes(target);
      break;
    }
    default:
      return {};
  }
  return writer.take();
}

std::vector<std::byte> build(const Query& query, Code code, std::span<const Record> records,
                             std::size_t limit) {
  MessageWriter writer;
  const bool edns = query.edns_size.has_value();
  std::uint32_t flags = kResponse | kAuthoritative | kRecursionAvailable;
  flags |= query.flags & (0x7800U | kRecursionDesired);  // the opcode and RD come back as sent
  flags |= static_cast<unsigned>(code) & 0xfU;
  writer.u16(query.id);
  writer.u16(flags);
  writer.u16(query.question.empty() ? 0 : 1);
  writer.u16(0);
  writer.u16(0);
  writer.u16(edns ? 1 : 0);
  writer.bytes(query.question);
  const std::size_t reserve = edns ? kOptBytes : 0;
  unsigned written = 0;
  for (const Record& record : records) {
    const auto bytes = wire_record(record, query);
    if (writer.size() + bytes.size() + reserve > limit) {
      writer.patch16(2, flags | kTruncated);
      break;
    }
    writer.bytes(bytes);
    if (!bytes.empty()) ++written;
  }
  writer.patch16(6, written);
  if (edns) writer.bytes(opt_record(kEdnsLimit, code));
  return writer.take();
}

std::optional<Record> read_record(MessageReader& reader) {
  Record record;
  record.name = reader.name();
  record.type = static_cast<Type>(reader.u16());
  (void)reader.u16();
  record.ttl = reader.u32();
  const std::size_t length = reader.u16();
  if (!reader.ok() || reader.left() < length) return std::nullopt;
  if (record.type == Type::a || record.type == Type::aaaa) {
    if (length != (record.type == Type::a ? 4U : 16U)) return std::nullopt;
    const Bytes bytes = reader.bytes(length);
    std::array<std::uint8_t, 16> address{};
    std::memcpy(address.data(), bytes.data(), length);
    record.address = record.type == Type::a ? IpAddress::v4(load32(bytes.data())) : IpAddress::v6(address);
  } else if (record.type == Type::ptr || record.type == Type::cname || record.type == Type::ns) {
    const std::size_t end = reader.position() + length;
    record.target = reader.name();
    if (!reader.ok() || reader.position() != end) return std::nullopt;
  } else {
    reader.bytes(length);
  }
  return record;
}

int hex_digit(char c) {
  c = lower(c);
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool strip_suffix(std::string_view& name, std::string_view suffix) {
  if (name.size() < suffix.size() || !same_name(name.substr(name.size() - suffix.size()), suffix))
    return false;
  name.remove_suffix(suffix.size());
  return true;
}

}  // namespace

std::size_t Query::udp_limit() const {
  if (!edns_size) return kUdpLimit;
  return std::clamp<std::size_t>(*edns_size, kUdpLimit, kEdnsLimit);
}

std::optional<Query> parse_query(Bytes message) {
  if (message.size() < kHeaderBytes) return std::nullopt;
  MessageReader reader(message);
  Query query;
  query.id = reader.u16();
  query.flags = reader.u16();
  if ((query.flags & kResponse) != 0) return std::nullopt;
  const Counts counts = read_counts(reader);
  query.problem = Code::format_error;  // until everything was read
  if ((query.flags & 0x7800) != 0) {
    query.problem = Code::not_implemented;
    return query;
  }
  if (counts.questions != 1 || counts.answers != 0 || counts.authority != 0) return query;
  query.name = reader.name();
  query.type = static_cast<Type>(reader.u16());
  query.rr_class = reader.u16();
  if (!reader.ok()) return query;
  const Bytes question = message.subspan(kHeaderBytes, reader.position() - kHeaderBytes);
  query.question.assign(question.begin(), question.end());
  const Code code = read_additional(reader, counts.additional, query);
  if (reader.left() == 0) query.problem = code;
  return query;
}

std::vector<std::byte> answer(const Query& query, std::span<const Record> records, std::size_t limit) {
  return build(query, Code::no_error, records, limit);
}

std::vector<std::byte> error_answer(const Query& query, Code code) {
  return build(query, code, {}, kTcpLimit);
}

std::vector<std::byte> make_query(std::uint16_t id, std::string_view name, Type type, bool edns) {
  const auto owner = wire_name(name);
  if (owner.empty()) return {};
  MessageWriter writer;
  writer.u16(id);
  writer.u16(kRecursionDesired);
  writer.u16(1);
  writer.u16(0);
  writer.u16(0);
  writer.u16(edns ? 1 : 0);
  writer.bytes(owner);
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(kClassIn);
  if (edns) writer.bytes(opt_record(kEdnsLimit, Code::no_error));
  return writer.take();
}

std::optional<Response> parse_response(Bytes message) {
  if (message.size() < kHeaderBytes) return std::nullopt;
  MessageReader reader(message);
  Response response;
  response.id = reader.u16();
  response.flags = reader.u16();
  if ((response.flags & kResponse) == 0) return std::nullopt;
  response.code = static_cast<Code>(response.flags & 0xf);
  response.truncated = (response.flags & kTruncated) != 0;
  response.authoritative = (response.flags & kAuthoritative) != 0;
  const Counts counts = read_counts(reader);
  if (counts.questions > 1) return std::nullopt;
  if (counts.questions == 1) {
    response.name = reader.name();
    response.type = static_cast<Type>(reader.u16());
    (void)reader.u16();
  }
  const unsigned records = 0U + counts.answers + counts.authority + counts.additional;
  for (unsigned i = 0; i < records; ++i) {
    auto record = read_record(reader);
    if (!record) return std::nullopt;
    if (i < counts.answers) response.records.push_back(std::move(*record));
  }
  if (!reader.ok()) return std::nullopt;
  return response;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string reverse_name(const IpAddress& address) {
  const auto& bytes = address.bytes();
  std::string name;
  if (address.is_v4()) {
    for (std::size_t i = 16; i-- > 12;) name += std::to_string(bytes[i]) + '.';
    return name + "in-addr.arpa";
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t i = 16; i-- > 0;) {
    name += {kHex[bytes[i] & 15U], '.', kHex[bytes[i] >> 4U], '.'};
  }
  return name + "ip6.arpa";
}

std::optional<IpAddress> parse_reverse_name(std::string_view name) {
  if (strip_suffix(name, ".in-addr.arpa")) {
    std::uint32_t value = 0;
    for (unsigned octet = 0; octet < 4; ++octet) {
      if (octet != 0 && (name.empty() || name.front() != '.')) return std::nullopt;
      if (octet != 0) name.remove_prefix(1);
      unsigned number = 0;
      std::size_t digits = 0;
      for (; digits < name.size() && digits < 3 && name[digits] >= '0' && name[digits] <= '9'; ++digits)
        number = number * 10 + static_cast<unsigned>(name[digits] - '0');
      if (digits == 0 || number > 255 || (digits > 1 && name.front() == '0')) return std::nullopt;
      name.remove_prefix(digits);
      value |= number << (8 * octet);
    }
    if (!name.empty()) return std::nullopt;
    return IpAddress::v4(value);
  }
  if (!strip_suffix(name, ".ip6.arpa") || name.size() != 63) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t nibble = 0; nibble < 32; ++nibble) {
    const int digit = hex_digit(name[nibble * 2]);
    if (digit < 0 || (nibble < 31 && name[nibble * 2 + 1] != '.')) return std::nullopt;
    bytes[15 - nibble / 2] = static_cast<std::uint8_t>(bytes[15 - nibble / 2] | digit << (nibble % 2 * 4));
  }
  return IpAddress::v6(bytes);
}

}  // namespace sockeye::dns

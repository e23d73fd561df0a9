// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/notation.h"

#include <array>
#include <charconv>

namespace sockeye::tcp {
namespace {

// Takes words off the front of a line; the first complaint stays.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }
  void fail(std::string_view what) {
    if (!ok()) return;
    error_ = what;
    error_ += rest_.empty() ? " at the end" : " at \"" + std::string(rest_) + '"';
  }
  bool accept(std::string_view token) {
    skip_spaces();
    if (!ok() || rest_.substr(0, token.size()) != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail("expected '" + std::string(token) + '\'');
  }
  // A word must end where it ends: "ack" is not the beginning of "acknowledged".
  bool accept_word(std::string_view word) {
    skip_spaces();
    const bool ends =
        rest_.size() == word.size() || (rest_.size() > word.size() && !is_letter(rest_[word.size()]));
    return ends && accept(word);
  }
  std::int64_t number(std::int64_t lowest, std::int64_t highest) {
    skip_spaces();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < lowest || value > highest) {
      fail("expected a number");
      return 0;
    }
    if (ok()) rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  // Modulo 2^32, so that a line may speak of numbers before the initial one.
  std::uint32_t number32() { return static_cast<std::uint32_t>(number(-0x80000000LL, 0xffffffffLL)); }
  std::uint16_t number16() { return static_cast<std::uint16_t>(number(0, 0xffff)); }
  std::uint8_t number8() { return static_cast<std::uint8_t>(number(0, 0xff)); }
  bool next_is_digit() {
    skip_spaces();
    return !rest_.empty() && ((rest_[0] >= '0' && rest_[0] <= '9') || rest_[0] == '-');
  }
  // The digits of bytes, two each: as many as there are.
  std::string_view hex_pairs() {
    skip_spaces();
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    std::size_t size = 0;
    while (size + 1 < rest_.size() && is_hex(rest_[size]) && is_hex(rest_[size + 1])) size += 2;
    const std::string_view digits = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return digits;
  }
  std::string_view until_space() {
    skip_spaces();
    const std::string_view word = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(word.size());
    return word;
  }

 private:
  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  void skip_spaces() {
    while (!rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);
  }
  std::string_view rest_;
  std::string error_;
};

bool* flag_of(char letter, TcpFlags& flags) {
  switch (letter) {
    case 'F':
      return &flags.fin;
    case 'S':
      return &flags.syn;
    case 'R':
      return &flags.rst;
    case 'P':
      return &flags.psh;
    case '.':
      return &flags.ack;
    case 'U':
      return &flags.urg;
    case 'E':
      return &flags.ece;
    case 'W':
      return &flags.cwr;
    case 'A':
      return &flags.ae;
    default:
      return nullptr;
  }
}

void read_flags(Scanner& in, TcpFlags& flags) {
  const std::string_view word = in.until_space();
  if (word == "-") return;
  if (word.empty()) in.fail("expected flags");
  for (const char letter : word) {
    bool* flag = flag_of(letter, flags);
    if (flag == nullptr || *flag) {
      in.fail("flags are FSRP.UEWA or -, each once, not \"" + std::string(word) + '"');
      return;
    }
    *flag = true;
  }
}

void read_timestamps(Scanner& in, SegmentText& out) {
  TcpTimestamps timestamps;
  in.expect("val");
  out.any_ts_value = in.accept("*");
  if (!out.any_ts_value) timestamps.value = in.number32();
  in.expect("ecr");
  out.any_ts_echo = in.accept("*");
  if (!out.any_ts_echo) timestamps.echo = in.number32();
  out.segment.options.timestamps = timestamps;
}

void read_sack(Scanner& in, SeqNum base, TcpOptions& options) {
  while (in.ok() && in.next_is_digit()) {
    if (options.sack_count == options.sack.size()) return in.fail("more than four SACK blocks");
    SackBlock& block = options.sack[options.sack_count++];
    block.begin = base + in.number32();
    in.expect(":");
    block.end = base + in.number32();
  }
  if (options.sack_count == 0) in.fail("expected a SACK block");
}

void read_fast_open(Scanner& in, bool is_experimental, TcpOptions& options) {
  FastOpenCookie& cookie = options.fast_open.emplace();
  cookie.is_experimental = is_experimental;
  const std::string_view digits = in.hex_pairs();
  if (digits.size() > 2 * cookie.bytes.size()) return in.fail("a cookie has at most 16 bytes");
  cookie.size = static_cast<std::uint8_t>(digits.size() / 2);
  for (std::size_t i = 0; i < cookie.size; ++i) {
    unsigned byte = 0;
    std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, byte, 16);
    cookie.bytes[i] = static_cast<std::byte>(byte);
  }
}

// "ECN e0b 1 ceb 0 e1b 1": what stands first says which kind it is (packetdrill's words).
constexpr std::array<const char*, 3> kEct0Words = {"e0b", "ceb", "e1b"}, kEct1Words = {"e1b", "ceb", "e0b"};

void read_accurate_ecn(Scanner& in, TcpOptions& options) {
  AccEcnOption& option = options.accurate_ecn.emplace();
  option.ect1_first = in.accept(kEct1Words[0]);
  if (!option.ect1_first && !in.accept(kEct0Words[0])) return;
  const auto& words = option.ect1_first ? kEct1Words : kEct0Words;
  do {
    option.bytes[option.count++] = in.number32();
  } while (option.count < 3 && in.accept(words[option.count]));
}

std::string accurate_ecn_text(const AccEcnOption& option) {
  std::string text = "ECN";
  for (std::size_t i = 0; i < option.count; ++i)
    text += std::string(" ") + (option.ect1_first ? kEct1Words : kEct0Words)[i] + ' ' +
            std::to_string(option.bytes[i]);
  for (std::uint32_t i = 2 + 3u * option.count; i < option.padded(); ++i) text += ",nop";
  return text;
}

std::string fast_open_text(const FastOpenCookie& cookie) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = cookie.is_experimental ? "FOEXP" : "FO";
  if ((cookie.size + (cookie.is_experimental ? 4 : 2)) % 4 != 0) text = "nop,nop," + text;
  if (cookie.size > 0) text += ' ';
  for (std::size_t i = 0; i < cookie.size; ++i) {
    const unsigned byte = std::to_integer<unsigned>(cookie.bytes[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

void read_options(Scanner& in, NotationBase base, SegmentText& out) {
  TcpOptions& options = out.segment.options;
  out.has_options = true;
  if (in.accept(">")) return;
  do {
    if (in.accept_word("mss"))
      options.mss = in.number16();
    else if (in.accept_word("wscale"))
      options.window_scale = in.number8();
    else if (in.accept_word("sackOK"))
      options.sack_permitted = true;
    else if (in.accept_word("TS"))
      read_timestamps(in, out);
    else if (in.accept_word("FOEXP"))
      read_fast_open(in, true, options);
    else if (in.accept_word("FO"))
      read_fast_open(in, false, options);
    else if (in.accept_word("ECN"))
      read_accurate_ecn(in, options);
    else if (in.accept_word("sack"))
      read_sack(in, base.ack, options);
    else if (!in.accept_word("nop") && !in.accept_word("eol"))
      in.fail("unknown option");
  } while (in.ok() && in.accept(","));
  in.expect(">");
}

void append_number(std::string& out, std::uint32_t value) {
  out += std::to_string(value);
}

std::string flags_text(const TcpFlags& flags) {
  std::string text;
  TcpFlags copy = flags;
  for (const char letter : {'F', 'S', 'R', 'P', '.', 'U', 'E', 'W', 'A'})
    if (*flag_of(letter, copy)) text += letter;
  return text.empty() ? "-" : text;
}

// The groups stand in the order of emit_tcp(), padding included.
std::string options_text(const TcpOptions& options, NotationBase base) {
  std::string text;
  const auto add = [&](const std::string& group) {
    if (!text.empty()) text += ',';
    text += group;
  };
  if (options.mss) add("mss " + std::to_string(*options.mss));
  if (options.timestamps)
    add(std::string(options.sack_permitted ? "sackOK" : "nop,nop") + ",TS val " +
        std::to_string(options.timestamps->value) + " ecr " + std::to_string(options.timestamps->echo));
  else if (options.sack_permitted)
    add("nop,nop,sackOK");
  if (options.window_scale) add("nop,wscale " + std::to_string(*options.window_scale));
  if (options.fast_open) add(fast_open_text(*options.fast_open));
  if (options.sack_count > 0) {
    std::string group = "nop,nop,sack";
    for (std::size_t i = 0; i < options.sack_count; ++i)
      group += ' ' + std::to_string(distance(base.ack, options.sack[i].begin)) + ':' +
               std::to_string(distance(base.ack, options.sack[i].end));
    add(group);
  }
  if (options.accurate_ecn) add(accurate_ecn_text(*options.accurate_ecn));
  return text;
}

bool options_match(const SegmentText& expected, const TcpOptions& sent) {
  const TcpOptions& wanted = expected.segment.options;
  if (wanted.mss != sent.mss || wanted.window_scale != sent.window_scale ||
      wanted.sack_permitted != sent.sack_permitted || wanted.fast_open != sent.fast_open ||
      wanted.sack_count != sent.sack_count || wanted.accurate_ecn != sent.accurate_ecn)
    return false;
  for (std::size_t i = 0; i < wanted.sack_count; ++i)
    if (wanted.sack[i] != sent.sack[i]) return false;
  if (wanted.timestamps.has_value() != sent.timestamps.has_value()) return false;
  if (!wanted.timestamps) return true;
  return (expected.any_ts_value || wanted.timestamps->value == sent.timestamps->value) &&
         (expected.any_ts_echo || wanted.timestamps->echo == sent.timestamps->echo);
}

}  // namespace

std::optional<SegmentText> parse_segment(std::string_view line, NotationBase base, std::string* error) {
  Scanner in(line);
  SegmentText out;
  Segment& segment = out.segment;
  read_flags(in, segment.flags);
  const std::uint32_t begin = in.number32();
  in.expect(":");
  const std::uint32_t end = in.number32();
  in.expect("(");
  segment.payload_bytes = static_cast<std::uint32_t>(in.number(0, 0xffffffff));
  in.expect(")");
  if (in.ok() && end - begin != segment.payload_bytes) in.fail("the length is not the difference");
  segment.seq = base.seq + begin;
  if (in.accept_word("ack")) {
    out.has_ack = true;
    segment.ack = base.ack + in.number32();
  }
  if (in.accept_word("win")) {
    out.has_window = true;
    segment.window = in.number16();
  }
  if (in.accept_word("urg")) segment.urgent_pointer = in.number16();
  if (in.accept("<")) read_options(in, base, out);
  if (!in.at_end()) in.fail("not understood");
  if (in.ok()) return out;
  if (error != nullptr) *error = in.error();
  return std::nullopt;
}

std::string to_text(const Segment& segment, NotationBase base) {
  std::string text = flags_text(segment.flags);
  const std::uint32_t begin = distance(base.seq, segment.seq);
  text += ' ';
  append_number(text, begin);
  text += ':';
  append_number(text, begin + segment.payload_bytes);
  text += '(';
  append_number(text, segment.payload_bytes);
  text += ')';
  if (segment.flags.ack) {
    text += " ack ";
    append_number(text, distance(base.ack, segment.ack));
  }
  text += " win ";
  append_number(text, segment.window);
  if (segment.flags.urg) {
    text += " urg ";
    append_number(text, segment.urgent_pointer);
  }
  if (const std::string options = options_text(segment.options, base); !options.empty())
    text += " <" + options + '>';
  return text;
}

bool matches(const SegmentText& expected, const Segment& sent) {
  const Segment& wanted = expected.segment;
  if (wanted.flags != sent.flags || wanted.seq != sent.seq || wanted.payload_bytes != sent.payload_bytes)
    return false;
  if (expected.has_ack && wanted.ack != sent.ack) return false;
  if (expected.has_window && wanted.window != sent.window) return false;
  if (wanted.flags.urg && wanted.urgent_pointer != sent.urgent_pointer) return false;
  return !expected.has_options || options_match(expected, sent.options);
}

}  // namespace sockeye::tcp

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Network byte order over plain bytes, without casts of structs and without alignment: load/store of
// big-endian numbers, and a cursor that cannot run past its end. A ByteReader that is asked for more
// than it has turns bad and answers zeros; the caller asks ok() once at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sockeye {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline std::uint8_t load8(const std::byte* at) {
  return std::to_integer<std::uint8_t>(*at);
}
inline std::uint16_t load16(const std::byte* at) {
  std::uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap16(value);
}
inline std::uint32_t load32(const std::byte* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}
inline void store8(std::byte* at, std::uint8_t value) {
  *at = static_cast<std::byte>(value);
}
inline void store16(std::byte* at, std::uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(at, &value, sizeof value);
}
inline void store32(std::byte* at, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof value);
}

inline void store64(std::byte* at, std::uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(at, &value, sizeof value);
}

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t left() const { return rest_.size(); }
  Bytes rest() const { return rest_; }

  std::uint8_t u8() { return has(1) ? load8(take(1).data()) : std::uint8_t{0}; }
  std::uint16_t u16() { return has(2) ? load16(take(2).data()) : std::uint16_t{0}; }
  std::uint32_t u32() { return has(4) ? load32(take(4).data()) : 0u; }
  Bytes bytes(std::size_t count) { return has(count) ? take(count) : Bytes(); }
  void skip(std::size_t count) { (void)bytes(count); }

 private:
  bool has(std::size_t count) {
    if (rest_.size() < count) {
      ok_ = false;
      rest_ = {};
    }
    return ok_;
  }
  Bytes take(std::size_t count) {
    const Bytes head = rest_.first(count);
    rest_ = rest_.subspan(count);
    return head;
  }

  Bytes rest_;
  bool ok_ = true;
};

class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes room) : room_(room) {}

  bool ok() const { return ok_; }
  std::size_t size() const { return used_; }
  void u8(std::uint8_t value) {
    if (std::byte* at = take(1)) store8(at, value);
  }
  void u16(std::uint16_t value) {
    if (std::byte* at = take(2)) store16(at, value);
  }
  void u32(std::uint32_t value) {
    if (std::byte* at = take(4)) store32(at, value);
  }
  void bytes(Bytes from) {
    if (std::byte* at = take(from.size()); at != nullptr && !from.empty())
      std::memcpy(at, from.data(), from.size());
  }

 private:
  std::byte* take(std::size_t count) {
    if (!ok_ || room_.size() - used_ < count) {
      ok_ = false;
      return nullptr;
    }
    std::byte* at = room_.data() + used_;
    used_ += count;
    return at;
  }

  MutableBytes room_;
  std::size_t used_ = 0;
  bool ok_ = true;
};

}  // namespace sockeye

// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value or an Errno, with std::expected's member names (std::expected itself does not
// exist on every compiler we build with). Result<> is "done, or an error".
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "core/assert.h"
#include "core/errno.h"

namespace sockeye {

template <class T = std::monostate>
class [[nodiscard]] Result {
 public:
  constexpr Result(T value) : value_(std::move(value)) {}
  constexpr Result(Errno error) : error_(error) { SOCKEYE_ASSERT(error != Errno{}); }
  constexpr Result() requires std::is_same_v<T, std::monostate>
  = default;

  constexpr bool has_value() const { return error_ == Errno{}; }
  constexpr explicit operator bool() const { return has_value(); }
  constexpr T& operator*() {
    SOCKEYE_ASSERT(has_value());
    return value_;
  }
  constexpr const T& operator*() const {
    SOCKEYE_ASSERT(has_value());
    return value_;
  }
  constexpr T* operator->() { return &**this; }
  constexpr const T* operator->() const { return &**this; }
  constexpr Errno error() const {
    SOCKEYE_ASSERT(!has_value());
    return error_;
  }
  constexpr T value_or(T other) const { return has_value() ? value_ : other; }

 private:
  T value_{};  // beside the error and not in its place: a number and an error then travel in two registers
  Errno error_{};
};

}  // namespace sockeye

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
  constexpr Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  constexpr Result(Errno error) : state_(std::in_place_index<1>, error) {}
  constexpr Result() requires std::is_same_v<T, std::monostate> : state_(std::in_place_index<0>) {}

  constexpr bool has_value() const { return state_.index() == 0; }
  constexpr explicit operator bool() const { return has_value(); }
  constexpr T& operator*() {
    SOCKEYE_ASSERT(has_value());
    return *std::get_if<0>(&state_);
  }
  constexpr const T& operator*() const {
    SOCKEYE_ASSERT(has_value());
    return *std::get_if<0>(&state_);
  }
  constexpr T* operator->() { return &**this; }
  constexpr const T* operator->() const { return &**this; }
  constexpr Errno error() const {
    SOCKEYE_ASSERT(!has_value());
    return *std::get_if<1>(&state_);
  }
  constexpr T value_or(T other) const { return has_value() ? **this : other; }

 private:
  std::variant<T, Errno> state_;
};

}  // namespace sockeye

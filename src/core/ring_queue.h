// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A first-in first-out queue in one power-of-two array, with access by index: what a connection keeps
// in order (chunks of its buffers, what is in flight). It allocates only when it grows; clear() gives
// a large array back and keeps a small one, so that reuse costs nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "core/assert.h"

namespace sockeye {

template <class T>
class RingQueue {
 public:
  RingQueue() = default;
  RingQueue(const RingQueue&) = delete;
  RingQueue& operator=(const RingQueue&) = delete;

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t index) { return items_[(first_ + index) & (capacity_ - 1)]; }
  const T& operator[](std::size_t index) const { return items_[(first_ + index) & (capacity_ - 1)]; }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  void push_back(T item) {
    if (size_ == capacity_) grow();
    items_[(first_ + size_) & (capacity_ - 1)] = std::move(item);
    ++size_;
  }
  void pop_front() {
    SOCKEYE_ASSERT(size_ > 0);
    items_[first_] = T();
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
  }
  void pop_back() {
    SOCKEYE_ASSERT(size_ > 0);
    back() = T();
    --size_;
  }
  // Moves what lies before `index`, or what lies behind it, by one place, whichever is less.
  void insert(std::size_t index, T item) {
    push_back(T());
    if (index < size_ / 2) {
      --first_;  // what was pushed is forgotten, and the place before the first taken
      first_ &= capacity_ - 1;
      for (std::size_t i = 0; i < index; ++i) (*this)[i] = std::move((*this)[i + 1]);
    } else {
      for (std::size_t i = size_ - 1; i > index; --i) (*this)[i] = std::move((*this)[i - 1]);
    }
    (*this)[index] = std::move(item);
  }
  void clear() {
    while (size_ > 0) pop_front();
    first_ = 0;
    if (capacity_ > kKeep) {
      items_.reset();
      capacity_ = 0;
    }
  }

 private:
  static constexpr std::size_t kKeep = 32;
  void grow() {
    const std::size_t capacity = capacity_ == 0 ? 4 : capacity_ * 2;
    auto items = std::make_unique<T[]>(capacity);
    for (std::size_t i = 0; i < size_; ++i) items[i] = std::move((*this)[i]);
    items_ = std::move(items);
    capacity_ = capacity;
    first_ = 0;
  }

  std::unique_ptr<T[]> items_;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sockeye

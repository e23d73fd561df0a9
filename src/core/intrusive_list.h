// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A doubly linked list whose links live in its elements: no allocation, O(1) unlink from anywhere.
// An element may be in several lists at once through differently tagged hooks:
//
//   struct Item : ListHook<ByAge>, ListHook<ByHost> { ... };
//   IntrusiveList<Item, ByAge> by_age;
//
// The list does not own its elements. An element unlinks itself when it is destroyed.
#pragma once

#include <cstddef>

#include "core/assert.h"

namespace sockeye {

struct DefaultListTag {};

template <class Tag = DefaultListTag>
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  bool is_linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class T, class U>
  friend class IntrusiveList;
  ListHook* next_ = nullptr;
  ListHook* previous_ = nullptr;
};

template <class T, class Tag = DefaultListTag>
class IntrusiveList {
  using Hook = ListHook<Tag>;

 public:
  IntrusiveList() { root_.next_ = root_.previous_ = &root_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    clear();
    root_.next_ = root_.previous_ = nullptr;
  }

  bool empty() const { return root_.next_ == &root_; }
  T& front() { return element(root_.next_); }
  T& back() { return element(root_.previous_); }

  void push_back(T& item) { insert_before(&root_, &static_cast<Hook&>(item)); }
  void push_front(T& item) { insert_before(root_.next_, &static_cast<Hook&>(item)); }
  void insert_before(T& position, T& item) {
    insert_before(&static_cast<Hook&>(position), &static_cast<Hook&>(item));
  }
  T& pop_front() {
    T& item = front();
    static_cast<Hook&>(item).unlink();
    return item;
  }
  static void remove(T& item) { static_cast<Hook&>(item).unlink(); }
  void clear() {
    while (!empty()) root_.next_->unlink();
  }
  // Moves all elements of other to the end of this list. O(1).
  void splice_back(IntrusiveList& other) {
    if (other.empty()) return;
    Hook* first = other.root_.next_;
    Hook* last = other.root_.previous_;
    other.root_.next_ = other.root_.previous_ = &other.root_;
    first->previous_ = root_.previous_;
    root_.previous_->next_ = first;
    last->next_ = &root_;
    root_.previous_ = last;
  }

  // nullptr at the end. The current element may be unlinked if `next` was asked first.
  T* first() { return empty() ? nullptr : &front(); }
  T* next(T& item) {
    Hook* hook = static_cast<Hook&>(item).next_;
    return hook == &root_ ? nullptr : &element(hook);
  }

  class iterator {
   public:
    explicit iterator(Hook* hook) : hook_(hook) {}
    T& operator*() const { return static_cast<T&>(*hook_); }
    iterator& operator++() {
      hook_ = next_of(hook_);
      return *this;
    }
    bool operator!=(const iterator& other) const { return hook_ != other.hook_; }

   private:
    Hook* hook_;
  };
  iterator begin() { return iterator(root_.next_); }
  iterator end() { return iterator(&root_); }

 private:
  static Hook* next_of(Hook* hook) { return hook->next_; }
  static T& element(Hook* hook) { return static_cast<T&>(*hook); }
  static void insert_before(Hook* position, Hook* hook) {
    SOCKEYE_ASSERT(!hook->is_linked());
    hook->previous_ = position->previous_;
    hook->next_ = position;
    position->previous_->next_ = hook;
    position->previous_ = hook;
  }
  Hook root_;
};

}  // namespace sockeye

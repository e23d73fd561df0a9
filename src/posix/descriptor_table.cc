// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "posix/descriptor_table.h"

#include <algorithm>

namespace sockeye::posix {

const OpenFilePtr* DescriptorTable::find(int descriptor) const {
  if (descriptor < 0 || static_cast<std::size_t>(descriptor) >= slots_.size()) return nullptr;
  const Slot& found = slot(descriptor);
  return found.file == nullptr ? nullptr : &found.file;
}

int DescriptorTable::lowest_free(int from) const {
  int descriptor = std::max(from, from <= hint_ && from >= kFirst ? hint_ : from);
  while (static_cast<std::size_t>(descriptor) < slots_.size() && slot(descriptor).file != nullptr)
    ++descriptor;
  return descriptor;
}

void DescriptorTable::grow_to(int descriptor) {
  const auto needed = static_cast<std::size_t>(descriptor) + 1;
  if (slots_.size() < needed) slots_.resize(needed);
}

Result<int> DescriptorTable::insert(OpenFilePtr file, bool close_on_exec, int lowest) {
  const int descriptor = lowest_free(lowest);
  if (descriptor >= limit_) return Errno::mfile;
  if (lowest <= hint_ && lowest >= kFirst) hint_ = descriptor + 1;
  grow_to(descriptor);
  slots_[static_cast<std::size_t>(descriptor)] = {std::move(file), close_on_exec};
  return descriptor;
}

OpenFilePtr DescriptorTable::replace(int descriptor, OpenFilePtr file, bool close_on_exec) {
  grow_to(descriptor);
  Slot& place = slots_[static_cast<std::size_t>(descriptor)];
  OpenFilePtr before = std::move(place.file);
  place = {std::move(file), close_on_exec};
  return before;
}

OpenFilePtr DescriptorTable::remove(int descriptor) {
  if (find(descriptor) == nullptr) return nullptr;
  if (descriptor >= kFirst) hint_ = std::min(hint_, descriptor);
  return std::exchange(slots_[static_cast<std::size_t>(descriptor)].file, nullptr);
}

}  // namespace sockeye::posix

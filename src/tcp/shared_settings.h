// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Nearly all connections of a stack have the same settings: the children of one listener, and clients
// that set nothing. They share one counted copy; who changes an option gets a copy of its own
// (decisions.md D13: options that are set rarely do not cost every connection).
#pragma once

#include <cstdint>

#include "tcp/config.h"

namespace sockeye::tcp {

struct SharedSettings {
  Settings value;
  std::uint32_t references = 1;
};

// Remembers the last settings handed out, which is what the next connection will most likely ask for.
class SettingsCache {
 public:
  SettingsCache() = default;
  SettingsCache(const SettingsCache&) = delete;
  SettingsCache& operator=(const SettingsCache&) = delete;
  ~SettingsCache() {
    if (last_ != nullptr) release(last_);
  }

  SharedSettings* share(const Settings& settings) {
    if (last_ == nullptr || !(last_->value == settings)) {
      if (last_ != nullptr) release(last_);
      last_ = new SharedSettings{settings};
    }
    ++last_->references;
    return last_;
  }
  // A copy that nobody else sees.
  static SharedSettings* own(SharedSettings* shared) {
    if (shared->references == 1) return shared;
    --shared->references;
    return new SharedSettings{shared->value};
  }
  static void release(SharedSettings* shared) {
    if (--shared->references == 0) delete shared;
  }

 private:
  SharedSettings* last_ = nullptr;
};

}  // namespace sockeye::tcp

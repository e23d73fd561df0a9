// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Nearly all connections of a stack have the same settings: the children of one listener, and clients
// that set nothing. They share one counted copy; who changes an option gets a copy of its own
// (decisions.md D13: options that are set rarely do not cost every connection).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tcp/config.h"

namespace sockeye::tcp {

struct SharedSettings {
  Settings value;
  std::uint32_t references = 1;
};

// Remembers the last few settings handed out: what the next connection will most likely ask for.
class SettingsCache {
 public:
  SettingsCache() = default;
  SettingsCache(const SettingsCache&) = delete;
  SettingsCache& operator=(const SettingsCache&) = delete;
  ~SettingsCache() {
    for (SharedSettings* known : recent_)
      if (known != nullptr) release(known);
  }

  SharedSettings* share(const Settings& settings) {
    if (SharedSettings* known = find(settings)) return hold(known);
    return hold(remember(new SharedSettings{settings}));
  }
  // After a change: the accepted ends of a server set the same options one after the other, and share again.
  SharedSettings* share_again(SharedSettings* changed) {
    SharedSettings* known = find(changed->value);
    if (known == changed) return changed;
    if (known == nullptr) return remember(hold(changed));
    release(changed);
    return hold(known);
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
  static SharedSettings* hold(SharedSettings* shared) {
    ++shared->references;
    return shared;
  }
  SharedSettings* find(const Settings& settings) const {
    for (SharedSettings* known : recent_)
      if (known != nullptr && known->value == settings) return known;
    return nullptr;
  }
  // Takes over one reference; the oldest is forgotten.
  SharedSettings* remember(SharedSettings* settings) {
    SharedSettings*& place = recent_[next_++ % recent_.size()];
    if (place != nullptr) release(place);
    return place = settings;
  }

  std::array<SharedSettings*, 4> recent_{};
  std::size_t next_ = 0;
};

}  // namespace sockeye::tcp

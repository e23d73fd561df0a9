// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tcp/shared_settings.h"

#include <gtest/gtest.h>

namespace sockeye::tcp {
namespace {

Settings nodelay() {
  Settings settings;
  settings.nodelay = true;
  return settings;
}

TEST(SharedSettings, EqualOnesAreOneObject) {
  SettingsCache cache;
  SharedSettings* a = cache.share({});
  SharedSettings* b = cache.share({});
  EXPECT_EQ(a, b);
  SettingsCache::release(a);
  SettingsCache::release(b);
}

TEST(SharedSettings, WhoChangesOneGetsACopy) {
  SettingsCache cache;
  SharedSettings* a = cache.share({});
  SharedSettings* b = SettingsCache::own(cache.share({}));
  ASSERT_NE(a, b);
  b->value.nodelay = true;
  EXPECT_FALSE(a->value.nodelay);
  SettingsCache::release(a);
  SettingsCache::release(b);
}

TEST(SharedSettings, EndsThatChangeAlikeShareAgain) {
  SettingsCache cache;
  SharedSettings* ends[3];
  for (SharedSettings*& end : ends) {
    end = SettingsCache::own(cache.share({}));
    end->value = nodelay();
    end = cache.share_again(end);
  }
  EXPECT_EQ(ends[0], ends[1]);
  EXPECT_EQ(ends[1], ends[2]);
  EXPECT_EQ(ends[0]->references, 4u);  // and the cache's own
  EXPECT_TRUE(ends[0]->value.nodelay);
  EXPECT_EQ(cache.share_again(ends[0]), ends[0]);  // nothing changed: nothing happens
  for (SharedSettings* end : ends) SettingsCache::release(end);
}

}  // namespace
}  // namespace sockeye::tcp

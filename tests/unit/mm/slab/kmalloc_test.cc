// SPDX-License-Identifier: MIT
#include "mm/slab/kmalloc.h"

#include <gtest/gtest.h>

#include "fake_ram.h"
#include "mm/slab/slab.h"

namespace meridian {
namespace {

TEST(Kmalloc, Smoke) {
  FakeMachine ram(std::initializer_list<PhysRange>{{PhysAddr(0x4000'0000), 64_MiB}});
  std::vector<void*> v;
  for (usize s = 1; s < 131072; s += s / 3 + 1)
    for (int i = 0; i < 30; i++) {
      auto r = kmalloc(s);
      ASSERT_TRUE(r);
      memset(r.value(), 0x11, s);
      v.push_back(r.value());
    }
  for (auto p : v) kfree(p);
  drain_slab_caches();
  close_kmalloc();
  EXPECT_EQ(free_frame_count() + ram.backing.frames(), 64 * 256u);
}

}  // namespace
}  // namespace meridian

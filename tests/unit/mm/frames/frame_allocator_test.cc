// SPDX-License-Identifier: MIT
#include "mm/frames/frame_allocator.h"

#include <gtest/gtest.h>

#include "fake_ram.h"

namespace meridian {
namespace {

TEST(FrameAllocator, Smoke) {
  FakeRam ram({{PhysAddr(0x4000'0000), 128_MiB}}, {{PhysAddr(0x4020'0000), 2_MiB}});
  FrameAllocator a;
  ASSERT_TRUE(ram.start(a));
  EXPECT_EQ(a.free_frames(), (128 - 2) * 256u);
  auto f = a.alloc(0, FrameOwner::kernel, ZoneKind::normal);
  ASSERT_TRUE(f);
  EXPECT_EQ(a.free_frames(), (128 - 2) * 256u - 1 - 128);
  a.free(f.value(), 0);
  EXPECT_EQ(a.free_frames(), (128 - 2) * 256u - 128);
}

}  // namespace
}  // namespace meridian

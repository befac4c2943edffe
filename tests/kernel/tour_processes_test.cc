// SPDX-License-Identifier: MIT
/// The stops that look at processes, each with what it shows broken while its programs stand still
/// at their marks.
#include <arch/tlb.h>

#include <new>
#include <utility>

#include "kernel/proc/process_table.h"
#include "mm/kernel/linear_map.h"
#include "mm/slab/kmalloc.h"
#include "tests/kernel/arch/sabotage.h"
#include "tests/kernel/stop_run.h"

namespace meridian {
namespace {

using ktest::number_after;
using sabotage::StrangeKernelTables;

/// The memory of the `index`th process called `name`.
Ref<UserSpace> space_of(std::string_view name, usize index = 0) {
  const Ref<Process> process = processes().with([&](ProcessTable& table) {
    Process* found = nullptr;
    usize left = index;
    table.for_each([&](Process& candidate) {
      if (candidate.name() == name && left-- == 0) found = &candidate;
    });
    return found == nullptr ? Ref<Process>() : Ref<Process>(*found);
  });
  CHECK(process);
  return process->share_space();
}

UserAddr page_after(std::string_view text, std::string_view words) {
  return UserAddr(number_after(text, words)).align_down(kPageSize);
}

/// The entry that maps a page, in a space that stands still.
arch::Entry& entry_of(UserSpace& space, UserAddr page) {
  const auto walk = space.walk(page);
  CHECK(walk.why() == WalkEnd::leaf);
  return linear_map.pointer<arch::Entry>(walk.last().table)[walk.last().index];
}

void touch(UserSpace& space, UserAddr page) {
  const std::byte nothing{};
  CHECK(space.write(page, {&nothing, 1}).has_value());
}

constinit StrangeKernelTables* strange_tables = nullptr;  // kmalloc's, while the stop runs

KERNEL_TEST(tour_processes, B1FailsIfAProcessHasAnotherKernel) {
  EXPECT_STOP_FAILS("B1", "so the same kernel address is the same frame",
                    {"of its own below TTBR0", [](std::string_view text) {
                       const VirtAddr object(number_after(text, "a page at "));
                       void* const memory = kmalloc(sizeof(StrangeKernelTables)).value();
                       strange_tables = new (memory) StrangeKernelTables(object);
                     }});
  ASSERT_TRUE(strange_tables != nullptr);
  strange_tables->~StrangeKernelTables();
  kfree(std::exchange(strange_tables, nullptr));
  EXPECT_STOP_PASSES("B1");
}

KERNEL_TEST(tour_processes, B3FailsIfACopyTakesNoFault) {
  EXPECT_STOP_FAILS("B3", "one demand fault, taken by the kernel's own store, and the copy went on",
                    {", untouched", [](std::string_view text) {
                       touch(*space_of("demand"), page_after(text, "its first page is "));
                     }});
  EXPECT_STOP_PASSES("B3");
}

KERNEL_TEST(tour_processes, B4FailsIfASwitchThrowsTranslationsAway) {
  EXPECT_STOP_FAILS("B4", "and no TLB entry was thrown away: the ASID tells them apart",
                    {"ASID ", [](std::string_view) { arch::flush_all_tlbs(); }});
  EXPECT_STOP_PASSES("B4");
}

/// The child's page leads to the parent's frame.
KERNEL_TEST(tour_processes, B6FailsIfTwoProcessesHaveOneFrame) {
  EXPECT_STOP_FAILS("B6", "there each has a frame of its own",
                    {"the address is one", [](std::string_view text) {
                       const UserAddr page = page_after(text, "both wrote to the same address: ");
                       arch::Entry& theirs = entry_of(*space_of("private", 0), page);
                       arch::Entry& entry = entry_of(*space_of("private", 1), page);
                       drop_user_frame(entry.output());
                       entry = entry.with_output(FrameRef::share(theirs.output()).let_go());
                       arch::flush_all_tlbs();
                     }});
  EXPECT_STOP_PASSES("B6");
}

KERNEL_TEST(tour_processes, D5FailsIfMallocTakesFramesAtOnce) {
  EXPECT_STOP_FAILS("D5", "malloc gave addresses, and no frames but that of its own header",
                    {" to ", [](std::string_view text) {
                       const UserAddr page = page_after(text, "its buffer: ");
                       for (u64 i = 0; i < 2; ++i) touch(*space_of("grow"), page + i * kPageSize);
                     }});
}

KERNEL_TEST(tour_processes, F1FailsIfATableGrantsLessThanTheVma) {
  EXPECT_STOP_FAILS("F1", "heap: rw-, says the VMA, the table and the MMU",
                    {"[heap]\n", [](std::string_view text) {
                       const UserAddr page = page_after(text, "heap at ");
                       arch::Entry& entry = entry_of(*space_of("places"), page);
                       entry = arch::Entry::leaf(Level::L3, entry.output(), kUserRodata);
                       arch::flush_all_tlbs();
                     }});
  EXPECT_STOP_PASSES("F1");
}

KERNEL_TEST(tour_processes, F2FailsIfAPageIsThereBeforeItsTouch) {
  EXPECT_STOP_FAILS("F2", "each touch was one fault, which gave that page a frame, and no other",
                    {"page 3: ", [](std::string_view text) {
                       const UserAddr first = page_after(text, "pages at ");
                       touch(*space_of("demand"), first + 4 * kPageSize);
                     }});
  EXPECT_STOP_PASSES("F2");
}

/// The child may write to the frame that it shares.
KERNEL_TEST(tour_processes, F3FailsIfTheChildWritesToTheParentsFrame) {
  EXPECT_STOP_FAILS("F3", "the child's write gave it a frame of its own",
                    {"in the child ", [](std::string_view text) {
                       const UserAddr page = page_after(text, "the page at ");
                       arch::Entry& entry = entry_of(*space_of("cow", 1), page);
                       entry = arch::Entry::leaf(Level::L3, entry.output(), kUserData);
                       arch::flush_all_tlbs();
                     }});
  EXPECT_STOP_PASSES("F3");
}

}  // namespace
}  // namespace meridian
